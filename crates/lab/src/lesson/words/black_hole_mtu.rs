//! What the lesson `black-hole-mtu` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "a link with a smaller MTU whose router says nothing: full segments vanish, smaller ones are tried",
    "канал с меньшим MTU, о котором маршрутизатор молчит: полные сегменты исчезают, пробуем поменьше",
);
pub(crate) const BREAKS: Words = words(
    "nobody says anything and we do not probe: the connection stands, and nothing large gets through",
    "никто ничего не говорит, и мы не пробуем: соединение есть, но ничего большого не проходит",
);
pub(crate) const STORY_SILENT: Words = words(
    "Both ends have links for packets of 1,500 bytes, and between them is one for 1,200. Packets \
     may not be cut on the way, so the router must drop larger ones and say so with ICMP. This one \
     says nothing, as many do behind a firewall that drops all ICMP. The handshake passes, since \
     its packets are small; then every full segment vanishes. Two expiries of the timer on a full \
     segment are taken as the sign of a black hole: the sender falls back to packets of 1,024 bytes \
     and looks for the largest that gets through (RFC 4821).",
    "У обоих концов каналы на пакеты в 1500 байт, а между ними — на 1200. Резать пакеты в пути \
     нельзя, поэтому маршрутизатор должен отбрасывать большие и сообщать об этом по ICMP. Этот \
     молчит, как многие за межсетевым экраном, который не пропускает ICMP. Рукопожатие проходит: \
     его пакеты малы; затем каждый полный сегмент исчезает. Два срабатывания таймера на полном \
     сегменте считаются признаком чёрной дыры: отправитель переходит на пакеты в 1024 байта и ищет \
     наибольший, который проходит (RFC 4821).",
);
pub(crate) const VERDICT_SILENT: Words = words(
    "The first packets had {largest} bytes. After {timeouts} expiries and {waited} smaller ones were \
     tried, and at the end packets of {found} bytes went through. Nobody ever said what was wrong \
     ({too_big} ICMP messages).",
    "В первых пакетах было {largest} байт. После {timeouts} срабатываний таймера и {waited} начались \
     пробы поменьше; в конце проходили пакеты в {found} байт. В чём дело, так никто и не сказал \
     (сообщений ICMP: {too_big}).",
);
pub(crate) const STORY_TOLD: Words = words(
    "Now the lab's router itself gets the narrow link, and it is the kernel's: it answers the first packet \
     that is too large with ICMP \"fragmentation needed\", which names the MTU. We check that it \
     quotes what we have in flight, and cut anew.",
    "Теперь узкий канал — у самого маршрутизатора лаборатории, а это ядро: на первый же слишком \
     большой пакет оно отвечает ICMP «нужна фрагментация» и называет MTU. Мы проверяем, что в \
     сообщении процитировано то, что у нас в пути, и режем заново.",
);
pub(crate) const VERDICT_TOLD: Words = words(
    "{told_too_big} messages came, the timer ran out {told_timeouts} times, and the first segment went again after \
     {told_waited} in packets of {told_found} bytes.",
    "Пришло сообщений: {told_too_big}, таймер срабатывал раз: {told_timeouts}, и первый сегмент ушёл снова через \
     {told_waited} в пакетах по {told_found} байт.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The silent link again, and probing is switched off. The same full segment goes out again and \
     again, each time after twice the wait. It looks like a dead path, though a page of one \
     kilobyte would get through. We give up after two seconds; by default it would take a quarter of an \
     hour.",
    "Снова молчащий канал, а пробы выключены. Один и тот же полный сегмент уходит снова и снова, \
     каждый раз после вдвое более долгого ожидания. Похоже на мёртвый путь, хотя страница в один \
     килобайт прошла бы. Мы сдаёмся через две секунды; по умолчанию на это ушло бы четверть часа.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "{copies} copies of a packet of {largest} bytes, {passed} bytes through, and then: {ended}.",
    "Копий пакета в {largest} байт: {copies}; прошло байт: {passed}; а затем: {ended}.",
);
pub(crate) const SENDING: Words = words(
    "sending over the narrow link",
    "отправить данные по узкому каналу",
);
pub(crate) const NARROWING: Words =
    words("narrowing the router's link", "сузить канал маршрутизатора");
pub(crate) const LARGEST: Words = words(
    "largest IP packet sent, in bytes",
    "наибольший отправленный IP-пакет, в байтах",
);
pub(crate) const TIMEOUTS: Words = words(
    "silent: expiries of the timer",
    "молчание: срабатываний таймера",
);
pub(crate) const TOO_BIG: Words = words(
    "silent: ICMP messages about the size",
    "молчание: сообщений ICMP о размере",
);
pub(crate) const FOUND: Words = words(
    "silent: largest packet that got through, in bytes",
    "молчание: наибольший прошедший пакет, в байтах",
);
pub(crate) const WAITED: Words = words(
    "silent: until the first byte got through",
    "молчание: пока прошёл первый байт",
);
pub(crate) const TOLD_TOO_BIG: Words = words(
    "told: ICMP messages about the size",
    "с ICMP: сообщений о размере",
);
pub(crate) const TOLD_TIMEOUTS: Words = words(
    "told: expiries of the timer",
    "с ICMP: срабатываний таймера",
);
pub(crate) const TOLD_FOUND: Words = words(
    "told: packets after that, in bytes",
    "с ICMP: пакеты после этого, в байтах",
);
pub(crate) const TOLD_WAITED: Words = words(
    "told: until the first segment went again",
    "с ICMP: до повторной передачи первого сегмента",
);
pub(crate) const COPIES: Words = words("copies of the first segment", "копий первого сегмента");
pub(crate) const PASSED: Words = words("bytes that got through", "байт прошло");
pub(crate) const ENDED: Words = words("how it ended", "чем кончилось");
pub(crate) const NOT_WHOLE: Words = words(
    "the server did not get all bytes",
    "сервер получил не все байты",
);
pub(crate) const NOT_LARGE: Words = words(
    "expected packets larger than the link carries, the largest had {largest} bytes",
    "ожидались пакеты больше, чем вмещает канал, а наибольший — {largest} байт",
);
pub(crate) const NOT_SILENT: Words = words(
    "expected a silent black hole: {timeouts} expiries, {too_big} ICMP messages",
    "ожидалась молчащая чёрная дыра: срабатываний {timeouts}, сообщений ICMP {too_big}",
);
pub(crate) const NOT_FOUND: Words = words(
    "expected smaller packets in the end, they have {found} bytes",
    "ожидались пакеты поменьше, а в них {found} байт",
);
pub(crate) const NOT_TOLD: Words = words(
    "expected ICMP in time: {told_too_big} messages, {told_timeouts} expiries",
    "ожидалось своевременное ICMP: сообщений {told_too_big}, срабатываний {told_timeouts}",
);
pub(crate) const NOT_FOUND_TOLD: Words = words(
    "expected packets of 1,200 bytes after the message, they have {told_found}",
    "после сообщения ожидались пакеты в 1200 байт, а в них {told_found}",
);
pub(crate) const NOT_STUCK: Words = words(
    "expected that nothing gets through: {passed} bytes did, {copies} copies",
    "ожидалось, что ничего не пройдёт: прошло байт {passed}, копий {copies}",
);
pub(crate) const NOT_GIVEN_UP: Words = words(
    "expected that the connection times out, it ended with: {ended}",
    "ожидалось, что соединение оборвётся по времени, а кончилось: {ended}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "\"ping works, the page hangs\": why is that typical of a black hole?",
            "«Пинг есть, а страница виснет»: почему это типично для чёрной дыры?",
        ),
        words(
            "Small packets pass: pings, handshakes, short requests. Only full ones vanish, here those of \
             {largest} bytes, and so the trouble begins with the first long answer.",
            "Маленькие пакеты проходят: пинг, рукопожатие, короткий запрос. Исчезают только полные, здесь — по \
             {largest} байт, и потому беда начинается с первого длинного ответа.",
        ),
    ),
    question(
        words(
            "What does the router's silence cost, and what its word?",
            "Чего стоит молчание маршрутизатора и чего — его слово?",
        ),
        words(
            "The silence {waited} and {timeouts} expiries of the timer; the word {told_waited}, about a round trip.",
            "Молчание — {waited} и {timeouts} срабатывания таймера; слово — {told_waited}, примерно один круг.",
        ),
    ),
    question(
        words(
            "Why are ICMP messages not simply believed?",
            "Почему сообщениям ICMP нельзя просто верить?",
        ),
        words(
            "Anybody can send one, and a forged tiny MTU makes a connection crawl. So one must quote a number \
             that is in flight, and sizes below 576 bytes are not believed in IPv4; the {told_too_big} here did.",
            "Прислать такое может кто угодно, а поддельный крошечный MTU заставит соединение ползти. Поэтому \
             в сообщении должен быть номер из того, что в пути, а размерам меньше 576 байт в IPv4 не верят; \
             здесь пришло подлинных: {told_too_big}.",
        ),
    ),
];
