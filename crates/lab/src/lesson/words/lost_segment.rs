//! What the lesson `lost-segment` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "segments are lost on purpose; the hole closes and the page is intact",
    "сегменты теряются нарочно; дыра закрывается, и страница цела",
);
pub(crate) const BREAKS: Words = words(
    "every copy is lost as well, as on a cut cable, until the sender gives up",
    "теряется и каждая копия, как в перерезанном кабеле, пока отправитель не сдастся",
);
pub(crate) const STORY_DOWNLOAD: Words = words(
    "The link loses the 5th, 9th and 10th segment with data on their way to us. What comes behind the \
     hole makes us repeat our ACK and name what we have (SACK); the server resends what is missing, \
     and the hole closes.",
    "Канал теряет 5-й, 9-й и 10-й сегменты с данными по дороге к нам. На то, что приходит после дыры, \
     мы повторяем подтверждение и перечисляем, что у нас есть (SACK); сервер передаёт недостающее \
     повторно, и дыра закрывается.",
);
pub(crate) const STORY_UPLOAD: Words = words(
    "The same the other way round: we send, and the link loses our 4th and 8th segment with data. The \
     server's kernel says what it has, and we resend the rest.",
    "То же в обратную сторону: отправляем мы, и канал теряет наши 4-й и 8-й сегменты с данными. Ядро \
     сервера сообщает, что у него есть, и мы повторяем остальное.",
);
pub(crate) const STORY_CUT: Words = words(
    "The cable is cut behind our third segment: from the fourth on whatever carries data is lost, and so \
     is each copy. TCP repairs losses; it cannot repair a path that is gone. It can only try, wait \
     twice as long, and try again; and at some point somebody must decide that this is the end. Here \
     that is a user timeout of two seconds.",
    "Кабель перерезан за нашим третьим сегментом: начиная с четвёртого теряется всё, что несёт данные, и \
     каждая копия тоже. TCP исправляет потери, но не может починить исчезнувший путь. Он может лишь \
     попробовать, подождать вдвое дольше и попробовать снова; и в какой-то момент кто-то должен решить, \
     что это конец. Здесь это пользовательский тайм-аут в две секунды.",
);
pub(crate) const VERDICT_CUT: Words = words(
    "The timer sent {copies} copies; between them lay {waits}. Then the application was told that the \
     connection timed out.",
    "Таймер отправил копий: {copies}; между ними прошло {waits}. Затем приложение узнало, что время \
     соединения истекло.",
);
pub(crate) const DOWNLOADING: Words = words("the download", "скачивание");
pub(crate) const UPLOADING: Words = words("the upload", "отправка");
pub(crate) const NONE: Words = words("none", "нет");
pub(crate) const IN_LOST: Words =
    words("download: segments lost", "скачивание: сегментов потеряно");
pub(crate) const IN_SACKS: Words = words(
    "download: ACKs with SACK that reported a hole",
    "скачивание: подтверждений с SACK о дыре",
);
pub(crate) const IN_RESENDS: Words = words(
    "download: resends by the server's kernel",
    "скачивание: повторных передач ядра сервера",
);
pub(crate) const IN_BYTES: Words = words(
    "download: bytes, first wrong one",
    "скачивание: байт, первый неверный",
);
pub(crate) const OUT_LOST: Words = words("upload: segments lost", "отправка: сегментов потеряно");
pub(crate) const DUPLICATES: Words = words(
    "upload: duplicate ACKs of the server's kernel",
    "отправка: повторных подтверждений ядра сервера",
);
pub(crate) const OUT_RESENDS: Words = words(
    "upload: resends by Handfast",
    "отправка: повторных передач Handfast",
);
pub(crate) const LATE: Words = words(
    "upload: out of order for the server's kernel",
    "отправка: для ядра сервера не по порядку",
);
pub(crate) const VERDICT: Words =
    words("upload: the server's verdict", "отправка: приговор сервера");
pub(crate) const COPIES: Words = words("copies that the timer sent", "копий отправил таймер");
pub(crate) const WAITS: Words = words("times between them", "время между ними");
pub(crate) const TIMED_OUT: Words = words(
    "the application was told of a timeout",
    "приложению сообщено об истечении времени",
);
pub(crate) const NOT_INTACT: Words = words(
    "the page is not intact: {in_bytes}",
    "страница не цела: {in_bytes}",
);
pub(crate) const NO_SACKS: Words = words(
    "expected duplicate ACKs with SACK, saw none",
    "ожидались повторные подтверждения с SACK, их не было",
);
pub(crate) const IN_NOT_FAIR: Words = words(
    "{in_resends} resends for {in_lost} lost segments, expected one or two for each",
    "повторных передач {in_resends} на {in_lost} потерянных сегмента, ожидалось одна-две на каждый",
);
pub(crate) const OUT_NOT_FAIR: Words = words(
    "{out_resends} resends for {out_lost} lost segments, expected one or two for each",
    "повторных передач {out_resends} на {out_lost} потерянных сегмента, ожидалось одна-две на каждый",
);
pub(crate) const NOT_OK: Words = words("the server said: {verdict}", "сервер сказал: {verdict}");
pub(crate) const NOT_LATE: Words = words(
    "the server's kernel saw nothing out of order",
    "ядро сервера не увидело ничего не по порядку",
);
pub(crate) const NEVER_ENDED: Words = words(
    "the connection never ended for the server",
    "для сервера соединение так и не закончилось",
);
pub(crate) const NOT_DOUBLING: Words = words(
    "expected three copies, each after a longer wait; saw {copies}, with {waits}",
    "ожидались три копии, каждая после более долгого ожидания; было {copies}: {waits}",
);
pub(crate) const NOT_TIMED_OUT: Words = words(
    "expected that the application is told of a timeout",
    "ожидалось, что приложению сообщат об истечении времени",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "What does the application notice of {in_lost} lost segments?",
            "Что замечает приложение, когда потеряны сегменты ({in_lost})?",
        ),
        words(
            "Nothing but time: it reads {in_bytes} (bytes, first wrong one). What comes behind a hole waits in the \
             stack until the hole is closed.",
            "Ничего, кроме времени: прочитано {in_bytes} (байт, первый неверный). Пришедшее после дыры ждёт в \
             стеке, пока дыра не закроется.",
        ),
    ),
    question(
        words(
            "Why do our ACKs repeat the same number while new segments come in?",
            "Почему в наших подтверждениях повторяется один номер, хотя приходят новые сегменты?",
        ),
        words(
            "The number says up to where nothing is missing, and that does not move while there is a hole. What \
             lies behind it is in the SACK blocks: {in_sacks} ACKs carried some.",
            "Номер говорит, до какого места ничего не пропущено, а пока есть дыра, это место не сдвигается. То, \
             что после неё, перечислено в блоках SACK: их несли {in_sacks} подтверждений.",
        ),
    ),
    question(
        words(
            "Can there be more resends than losses?",
            "Бывает ли повторных передач больше, чем потерь?",
        ),
        words(
            "Yes: the sender knows of a loss only by signs, and may be wrong, or a copy is lost too. Here there \
             were {out_resends} for {out_lost} losses.",
            "Да: о потере отправитель знает лишь по признакам и может ошибиться, или теряется и копия. Здесь \
             повторных передач {out_resends} на потерь {out_lost}.",
        ),
    ),
];
