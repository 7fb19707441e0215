//! What the lesson `claim` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "an address of its own: no RST, and it works at the first run",
    "собственный адрес: никаких RST, и всё работает с первого раза",
);
pub(crate) const BREAKS: Words = words(
    "the address is used without asking, and another station has it already",
    "адрес берут, не спросив, а он уже есть у другой станции",
);
pub(crate) const STORY_KNOCK: Words = words(
    "The router must learn that 192.168.0.129 is ours, or its answers never come. The article's \
     program asked for 0.0.0.0, which Linux ignores unless a failed attempt has left an entry \
     behind: so it worked the second time. Announcing the address unasked (a gratuitous ARP) needs \
     arp_accept=1. We send both by hand and look into the router's table:",
    "Маршрутизатор должен узнать, что 192.168.0.129 — наш адрес, иначе его ответы к нам не придут. \
     Программа из статьи спрашивала про 0.0.0.0, а такой запрос Linux пропускает мимо ушей, если \
     неудачная попытка не оставила записи в таблице: потому всё и работало со второго раза. \
     Объявление адреса без запроса (gratuitous ARP) требует arp_accept=1. Мы отправляем то и другое \
     вручную и смотрим в таблицу маршрутизатора:",
);
pub(crate) const STORY_FIRST: Words = words(
    "Handfast probes for the address, announces it, and asks for the gateway *from* it: that request \
     is what the router learns from. The page comes at the first run, and the host's kernel, whose \
     address it is not, stays silent.",
    "Handfast проверяет, свободен ли адрес, объявляет его и спрашивает о шлюзе *с него*: из этого \
     запроса маршрутизатор и узнаёт адрес. Страница приходит с первого раза, а ядро хоста, которому \
     этот адрес не принадлежит, молчит.",
);
pub(crate) const STORY_TAKEN: Words = words(
    "An address that is in use is refused: we try the router's own.",
    "Занятый адрес нам не достаётся: пробуем взять адрес самого маршрутизатора.",
);
pub(crate) const STORY_LOST: Words = words(
    "Somebody takes the address that we hold. The first time we say that it is ours; the second time \
     within ten seconds we yield, since two holders who both insist help nobody.",
    "Кто-то занимает адрес, который держим мы. В первый раз мы отвечаем, что он наш; во второй раз за \
     десять секунд уступаем: от двух упорствующих владельцев никому нет пользы.",
);
pub(crate) const STORY_RUDE: Words = words(
    "The router has 192.168.0.129 as one more address of its own. We do not ask and simply use it. The \
     router gets a question from its own address, which cannot be, and says nothing; our packets \
     would be dropped for the same reason. Nothing tells us why.",
    "У маршрутизатора 192.168.0.129 — ещё один собственный адрес. Мы не спрашиваем и просто берём его. \
     Маршрутизатор получает вопрос со своего же адреса, чего быть не может, и молчит; по той же \
     причине он отбросил бы и наши пакеты. О причине нам никто не сообщает.",
);
pub(crate) const STORY_ASKED: Words = words(
    "Now the same with one question before: three probes from no address at all, as RFC 5227 wants, \
     and the holder answers the first.",
    "Теперь то же, но сначала спросив: до трёх проб без собственного адреса, как велит RFC 5227, и \
     владелец отвечает на первую.",
);
pub(crate) const VERDICT_RUDE: Words = words(
    "Without asking: connected {connected}. With asking: {refusal}.",
    "Не спросив: соединение {connected}. Спросив: {refusal}.",
);
pub(crate) const LIVING: Words = words(
    "Handfast's life with an address",
    "жизнь Handfast с адресом",
);
pub(crate) const KNOCKING: Words = words("knocking by hand", "постучаться вручную");
pub(crate) const TAKING: Words = words(
    "giving the address to the router",
    "дать адрес маршрутизатору",
);
pub(crate) const ZERO: Words = words(
    "known after an ARP request for 0.0.0.0",
    "известен после запроса ARP о 0.0.0.0",
);
pub(crate) const GRATUITOUS: Words = words(
    "known after a gratuitous ARP",
    "известен после объявления без запроса",
);
pub(crate) const ATTEMPTS: Words = words(
    "SYNs until the connection stood",
    "SYN до установления соединения",
);
pub(crate) const STATUS: Words = words("status of the page", "код ответа страницы");
pub(crate) const RESETS: Words = words("RSTs made by the host's kernel", "RST создано ядром хоста");
pub(crate) const KNOWN: Words = words(
    "the router's table knows it after the claim",
    "маршрутизатор знает адрес после заявки",
);
pub(crate) const HELD: Words = words("who-has while we hold it", "who-has, пока адрес наш");
pub(crate) const REFUSAL: Words = words(
    "claiming the router's address",
    "заявка на адрес маршрутизатора",
);
pub(crate) const REFUSAL_OURS: Words = words(
    "claiming the address that the router has",
    "заявка на адрес, который у маршрутизатора",
);
pub(crate) const FIRST: Words = words("after the first conflict", "после первого конфликта");
pub(crate) const SECOND: Words = words("after the second", "после второго");
pub(crate) const LOST: Words = words("who-has after we yielded", "who-has, когда мы уступили");
pub(crate) const CONNECTED: Words = words("connected without asking", "соединились, не спросив");
pub(crate) const IN_USE: Words = words("refused, it is in use", "отказ, адрес занят");
pub(crate) const ANSWERED_BY: Words = words("answered by", "ответил");
pub(crate) const TAKEN_BY: Words = words("refused, it is held by", "отказ, адрес у");
pub(crate) const DEFENDED: Words = words("defended against", "отстояли от");
pub(crate) const YIELDED: Words = words("yielded to", "уступили");
pub(crate) const WAS_LEARNED: Words = words(
    "the router learned the address from what Linux ignores by default",
    "маршрутизатор узнал адрес из того, что Linux по умолчанию не слушает",
);
pub(crate) const NOT_AT_ONCE: Words = words(
    "expected the page after one SYN, saw {attempts} and status {status}",
    "страница ожидалась после одного SYN, а их {attempts}, код {status}",
);
pub(crate) const WAS_RESET: Words = words(
    "the host's kernel made {resets} RSTs, expected none",
    "ядро хоста создало RST: {resets}, ожидалось ни одного",
);
pub(crate) const NOT_KNOWN: Words = words(
    "the router did not learn the address",
    "маршрутизатор адреса не узнал",
);
pub(crate) const NOT_OURS: Words = words(
    "who-has while we held the address: {held}",
    "who-has, пока адрес был наш: {held}",
);
pub(crate) const NOT_REFUSED: Words = words(
    "claiming a taken address: {refusal}",
    "заявка на занятый адрес: {refusal}",
);
pub(crate) const NOT_YIELDED: Words = words(
    "expected a defence, then yielding; saw: {first}, then: {second}",
    "ожидалось, что мы отстоим адрес, а затем уступим; было: {first}, затем: {second}",
);
pub(crate) const STILL_USED: Words = words(
    "the address was still used after it was given up",
    "адрес использовался и после того, как его уступили",
);
pub(crate) const CONNECTED_ALL_THE_SAME: Words = words(
    "expected no connection from an address that another station has",
    "с чужого адреса соединения быть не должно, а оно есть",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "From which packet did the router learn our address?",
            "Из какого пакета маршрутизатор узнал наш адрес?",
        ),
        words(
            "From our question for the gateway, which it had to answer: known after that, {known}. What nobody \
             asked for taught it nothing (0.0.0.0: {zero}, announcement: {gratuitous}).",
            "Из нашего вопроса о шлюзе, на который ему надо было ответить: после него адрес известен — \
             {known}. Незваные пакеты ничему его не научили (0.0.0.0: {zero}, объявление: {gratuitous}).",
        ),
    ),
    question(
        words(
            "Why is the address given up at the second conflict, and not defended for ever?",
            "Почему при втором конфликте адрес уступают, а не отстаивают вечно?",
        ),
        words(
            "Both holders would go on insisting, and every table in the network would change its mind with each \
             announcement. So RFC 5227 lets one defence pass ({first}) and then asks for an end ({second}).",
            "Оба владельца упорствовали бы, и все таблицы сети меняли бы мнение с каждым объявлением. Поэтому \
             RFC 5227 допускает одну защиту ({first}), а затем требует уступить ({second}).",
        ),
    ),
    question(
        words(
            "Why do probes come from 0.0.0.0 and not from the address that is wanted?",
            "Почему пробы идут с 0.0.0.0, а не с желаемого адреса?",
        ),
        words(
            "A question from the address itself would change the tables of all who hear it, before it is known \
             whether somebody has it. With --break you see how an address fares that nobody asked for.",
            "Вопрос с самого адреса изменил бы таблицы у всех, кто его услышит, ещё до того, как выяснится, \
             чей он. С --break видно, каково с адресом, о котором не спросили.",
        ),
    ),
];
