//! What the lesson `nagle-and-delayed-ack` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "two good ideas that wait for each other: small requests take 40 ms for no reason",
    "две хорошие идеи ждут друг друга: короткие запросы на ровном месте занимают 40 мс",
);
pub(crate) const BREAKS: Words = words(
    "Nagle's algorithm is off (TCP_NODELAY), so that nothing waits and the pause is gone",
    "алгоритм Нейгла выключен (TCP_NODELAY): ничто не ждёт, и пауза исчезает",
);
pub(crate) const STORY: Words = words(
    "A client asks a server twelve times, each request in two small writes of 100 bytes, and waits for \
     the answer. By Nagle's algorithm a small segment waits while an earlier one is not \
     acknowledged, so that many tiny writes travel together. And a receiver delays its ACK, because \
     it will soon have an answer to put it on. Here the server has half a request and no answer, \
     and the client has the other half and no ACK: both wait, until the kernel's timer for delayed \
     ACKs runs out after 40 ms. (At first the kernel acknowledges at once; it learns that this is a \
     conversation.)",
    "Клиент двенадцать раз спрашивает сервер, каждый запрос — две записи по 100 байт, и ждёт ответа. \
     По алгоритму Нейгла маленький сегмент ждёт, пока не подтверждён предыдущий, чтобы множество \
     крошечных записей уходило вместе. А получатель откладывает подтверждение: скоро будет ответ, с \
     которым его можно отправить. Здесь у сервера половина запроса и нет ответа, а у клиента другая \
     половина и нет подтверждения: ждут оба, пока через 40 мс у ядра не истечёт таймер отложенного \
     подтверждения. (Сначала ядро подтверждает сразу; оно не знает ещё, что это диалог.)",
);
pub(crate) const VERDICT: Words = words(
    "In {held} of {asked} requests the second half waited for an ACK, and {paused} took 30 ms or \
     more, on a path with a round trip of 2 ms.",
    "В {held} запросах из {asked} вторая половина ждала подтверждения, и {paused} заняли 30 мс или \
     больше — на пути с кругом в 2 мс.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The same conversation, but the client has switched Nagle's algorithm off. The kernel delays its \
     ACKs as before; nobody waits for them any more. (An application that writes each request at \
     once would have had no pause in the first place.)",
    "Тот же диалог, но клиент выключил алгоритм Нейгла. Ядро откладывает подтверждения, как и прежде, \
     только их больше никто не ждёт. (У приложения, которое пишет каждый запрос целиком, паузы и не \
     было бы.)",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "{held} second halves waited; a request took {median}, all together {all}.",
    "Ждало вторых половин: {held}; запрос занимал {median}, все вместе — {all}.",
);
pub(crate) const ASKING: Words = words("asking twelve times", "двенадцать раз спросить сервер");
pub(crate) const ASKED: Words = words(
    "requests, each in two writes",
    "запросов, каждый в две записи",
);
pub(crate) const HELD: Words = words(
    "second halves that waited for an ACK",
    "вторых половин, ждавших подтверждения",
);
pub(crate) const SHORTEST: Words = words("shortest request", "самый быстрый запрос");
pub(crate) const MEDIAN: Words = words("median request", "медиана по запросам");
pub(crate) const LONGEST: Words = words("longest request", "самый долгий запрос");
pub(crate) const ALL: Words = words("all requests together", "все запросы вместе");
pub(crate) const PAUSED: Words = words(
    "requests that took 30 ms or more",
    "запросов, занявших 30 мс или больше",
);
pub(crate) const NOT_HELD: Words = words(
    "expected four held segments at least, saw {held}",
    "ожидалось не меньше четырёх задержанных сегментов, а их {held}",
);
pub(crate) const NOT_PAUSED: Words = words(
    "expected four pauses of 30 ms at least, saw {paused}; the longest request took {longest}",
    "ожидалось не меньше четырёх пауз в 30 мс, а их {paused}; самый долгий запрос занял {longest}",
);
pub(crate) const STILL_HELD: Words = words(
    "expected that nothing waits without Nagle's algorithm, but {held} segments did",
    "без алгоритма Нейгла ничто не должно ждать, но задержано сегментов: {held}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Which of the two sides could end the pause alone?",
            "Какая из двух сторон могла бы убрать паузу в одиночку?",
        ),
        words(
            "Either. The client by one write for each request, or by TCP_NODELAY; the server's kernel by \
             acknowledging at once, as it did while requests still took {shortest}.",
            "Любая. Клиент — записывая запрос целиком или включив TCP_NODELAY; ядро сервера — подтверждая \
             сразу, как оно и делало, пока запросы занимали {shortest}.",
        ),
    ),
    question(
        words(
            "Why does a request that is written at once not pause, though Nagle's algorithm is on?",
            "Почему запрос, записанный целиком, не ждёт, хотя алгоритм Нейгла включён?",
        ),
        words(
            "Nothing is out when it is written: the answer to the one before acknowledged everything. Only what \
             follows an unacknowledged small segment waits, as the second halves did, {held} times.",
            "В момент записи в пути ничего нет: ответ на прошлый запрос подтвердил всё. Ждёт только то, что \
             идёт за неподтверждённым маленьким сегментом, как вторые половины — здесь {held} раз.",
        ),
    ),
    question(
        words(
            "Would a faster link help?",
            "Поможет ли более быстрый канал?",
        ),
        words(
            "No. The median of {median} is a timer, not a distance: a round trip is 2 ms.",
            "Нет. Медиана {median} — это таймер, а не расстояние: круг занимает 2 мс.",
        ),
    ),
];
