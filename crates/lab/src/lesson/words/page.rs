//! What the lesson `page` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "GET / from the first ARP packet to the last FIN",
    "GET / от первого пакета ARP до последнего FIN",
);
pub(crate) const BREAKS: Words = words(
    "the page is asked for at a port where nobody listens",
    "страницу просят с порта, который никто не слушает",
);
pub(crate) const STORY: Words = words(
    "Handfast claims 192.168.0.129, asks who has the gateway, opens a connection to the web server, \
     sends a request, takes the answer, and closes. The server runs on the kernel's TCP.",
    "Handfast занимает адрес 192.168.0.129, спрашивает, у кого адрес шлюза, открывает соединение с \
     веб-сервером, отправляет запрос, принимает ответ и закрывает соединение. Сервер работает на TCP \
     ядра.",
);
pub(crate) const STORY_REFUSED: Words = words(
    "The same from port 81, where nobody listens. The host is there, its kernel works; it only has \
     nobody to hand the connection to, and says so at once. That is the good kind of failure: \
     compare it with a firewall that drops the SYN, which would cost the whole connect timeout.",
    "То же с порта 81, который никто не слушает. Хост на месте, ядро работает; ему просто некому \
     передать соединение, и оно сразу об этом сообщает. Это хороший отказ: межсетевой экран, молча \
     отбросивший SYN, стоил бы всего времени ожидания.",
);
pub(crate) const VERDICT_REFUSED: Words = words(
    "{syns} SYN, {resets} RST, and the application knows: connection refused.",
    "SYN: {syns}, RST: {resets}, и приложение уже знает: в соединении отказано.",
);
pub(crate) const FETCHING: Words = words("fetching the page", "получить страницу");
pub(crate) const STATUS: Words = words("status, bytes of the page", "код ответа, байт в странице");
pub(crate) const SEGMENTS: Words =
    words("TCP segments in the ladder", "сегментов TCP на диаграмме");
pub(crate) const WITH_DATA: Words = words("of them with data", "из них с данными");
pub(crate) const RESENDS: Words = words(
    "resends by the server's kernel",
    "повторных передач ядра сервера",
);
pub(crate) const RESETS: Words = words("RSTs, by anybody", "RST, чьих угодно");
pub(crate) const MADE: Words = words("RSTs made by the host's kernel", "RST создано ядром хоста");
pub(crate) const FINS: Words = words("FINs of ours, of the server's", "FIN наших, FIN сервера");
pub(crate) const IS_CLOSED: Words = words(
    "closed in order for the server",
    "для сервера закрыто по порядку",
);
pub(crate) const SYNS: Words = words("SYNs", "SYN");
pub(crate) const REFUSED: Words = words("reported as refused", "приложению сообщено об отказе");
pub(crate) const NOT_THE_PAGE: Words = words(
    "expected the page, got status and length {status}",
    "ожидалась страница, получены код и длина {status}",
);
pub(crate) const NO_FINS: Words = words(
    "expected a FIN from either side, saw {fins}",
    "ожидался FIN с каждой стороны, было {fins}",
);
pub(crate) const NOT_CLOSED: Words = words(
    "for the server it did not end in order",
    "для сервера соединение закончилось не по порядку",
);
pub(crate) const WAS_RESET: Words = words(
    "expected no RST; {resets} on the wire, {made} made by the host's kernel",
    "RST не ожидались; в сети {resets}, создано ядром хоста {made}",
);
pub(crate) const WAS_RESENT: Words = words(
    "{resends} resends on a perfect link, expected none",
    "повторных передач на безупречном канале {resends}, ожидалось ни одной",
);
pub(crate) const NOT_REFUSED: Words = words(
    "expected one RST and a refusal; {resets} RSTs, refused: {refused}",
    "ожидались один RST и отказ; RST {resets}, отказ: {refused}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "How many segments does a page of a few hundred bytes cost, and how many of them carry it?",
            "Сколько сегментов стоит страница в несколько сотен байт и сколько из них её несут?",
        ),
        words(
            "{segments} segments, of which {with_data} carry data: the rest opens, acknowledges and closes. That \
             is why connections are kept and used again.",
            "Сегментов {segments}, с данными из них {with_data}; остальные открывают, подтверждают и закрывают. \
             Поэтому соединения не закрывают, а используют снова.",
        ),
    ),
    question(
        words(
            "Why is ARP needed, though the server is far away?",
            "Зачем ARP, если сервер далеко?",
        ),
        words(
            "A frame must be addressed to a station on this link. That is the router: we ask for its address, not \
             for the server's.",
            "Кадр должен быть адресован станции этого канала. Это маршрутизатор: мы спрашиваем его адрес, а не \
             адрес сервера.",
        ),
    ),
    question(
        words(
            "How would a port where nobody listens look?",
            "Как выглядел бы порт, который никто не слушает?",
        ),
        words(
            "SYN out, RST in, and nothing else: see `handfast lab page --break`. Here there were {resets} RSTs.",
            "SYN туда, RST обратно, и больше ничего: см. `handfast lab page --break`. Здесь RST было {resets}.",
        ),
    ),
];
