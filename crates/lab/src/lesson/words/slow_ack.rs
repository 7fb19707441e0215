//! What the lesson `slow-ack` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "why the article's program was slow, flooded with resends, and reset",
    "почему программа из статьи была медленной, тонула в повторах и получала сброс",
);
pub(crate) const BREAKS: Words = words(
    "the capture buffer holds everything, so that slow and silent ACKs do no harm",
    "буфер захвата вмещает всё, и медленные, молчаливые подтверждения уже не вредят",
);
pub(crate) const STORY: Words = words(
    "A server sends 320 KiB to a receiver made by hand with the weaknesses of the article's program: it \
     spends 24 ms on each packet, captures into a buffer of 64 KiB, and drops what comes out of order \
     without a word. The server's application loses patience after 2 s. Then each weakness is taken \
     away in turn. (About 25 seconds; the six transfers run at the same time, each in a lab of its \
     own.)",
    "Сервер отправляет 320 КиБ получателю, сделанному вручную, со слабостями программы из статьи: на \
     каждый пакет он тратит 24 мс, захватывает в буфер на 64 КиБ и молча выбрасывает всё, что пришло \
     не по порядку. Терпение приложения сервера кончается через 2 с. Затем слабости устраняются по \
     очереди. (Около 25 секунд; шесть передач идут одновременно, каждая в своей лаборатории.)",
);
pub(crate) const WIRE: Words = words(
    "The wire while all three weaknesses were there, its beginning and its end:",
    "Что шло по сети при всех трёх слабостях, начало и конец:",
);
pub(crate) const LEGEND: Words = words(
    "(lost: frames that found the capture buffer full; behind: segments that came while one before them \
     was missing; resends and timeouts: the counters of the server's kernel.)",
    "(потеряно: кадры, заставшие буфер захвата полным; за дырой: сегменты, пришедшие, когда \
     недоставало более раннего; повторы и тайм-ауты — по счётчикам ядра сервера.)",
);
pub(crate) const VERDICT: Words = words(
    "The cause, by what happens when it is taken away:\n\n\
     - The flood of resends needs both the small buffer, which overflows behind a reader so slow, and \
     the silence about holes: what the receiver throws away behind a hole must all be sent again. With \
     duplicate ACKs (and what they announce kept) each lost frame costs one resend; with a roomy buffer \
     nothing is lost.\n\
     - The reset comes from the server's application: nothing is acknowledged while the hole stands, and \
     the kernel's timeout, grown to the long round trips, is longer than the application's patience. A \
     patient application gets its bytes through, resends and all.\n\
     - Slow ACKs alone only cost time: the server's timeout adapts to them.",
    "Причина видна по тому, что бывает, когда её устранить:\n\n\
     - Для потока повторов нужны и маленький буфер, который переполняется за таким медленным читателем, \
     и молчание о дырах: всё, что получатель выбросил после дыры, приходится передавать заново. Если \
     отвечать повторными подтверждениями (и хранить то, о чём они сообщают), каждый потерянный кадр \
     стоит одного повтора; с просторным буфером не теряется ничего.\n\
     - Сброс исходит от приложения сервера: пока дыра не закрыта, не подтверждается ничего, а тайм-аут \
     ядра, выросший вместе с долгими кругами, длиннее терпения приложения. Терпеливое приложение \
     передаёт всё, пусть и с повторами.\n\
     - Одни лишь медленные подтверждения стоят только времени: тайм-аут сервера к ним приспосабливается.",
);
pub(crate) const STORY_ROOMY: Words = words(
    "The cause taken away: the capture buffer has 4 MiB. The receiver still spends time on each packet \
     (4 ms, so that you need not wait long) and still says nothing about holes; there are none now.",
    "Причина устранена: буфер захвата — 4 МиБ. Получатель по-прежнему тратит время на каждый пакет (4 \
     мс, чтобы не ждать долго) и по-прежнему молчит о дырах, только их больше нет.",
);
pub(crate) const VERDICT_ROOMY: Words = words(
    "{lost} frames lost, {resends} resends, {resets} resets: slow, and otherwise well.",
    "Потеряно кадров: {lost}, повторов: {resends}, сбросов: {resets}. Медленно, а в остальном всё хорошо.",
);
pub(crate) const EXPERIMENTS: [Words; 6] = [
    words("all three weaknesses", "все три слабости"),
    words("the same, server patient", "то же, сервер терпелив"),
    words("without slow ACKs", "без медленных подтверждений"),
    words("without the small buffer", "без маленького буфера"),
    words(
        "with duplicate ACKs, server patient",
        "с повторными ACK, сервер терпелив",
    ),
    words("slow ACKs alone", "одни медленные подтверждения"),
];
pub(crate) const ROOMY: Words = words("with a roomy buffer", "с просторным буфером");
pub(crate) const YOURS: Words = words("your receiver", "ваш получатель");
pub(crate) const COLUMNS: [Words; 7] = [
    words("lost", "потер."),
    words("behind", "за дырой"),
    words("resends", "повторы"),
    words("timeouts", "тайм-ауты"),
    words("reset", "сброс"),
    words("KiB", "КиБ"),
    words("time", "время"),
];
pub(crate) const TRANSFERS: Words = words("the transfers", "передачи");
pub(crate) const TRANSFER: Words = words("the transfer", "передача");
pub(crate) const BY_HANDFAST: Words = words(
    "the same transfer by Handfast",
    "та же передача силами Handfast",
);
pub(crate) const RESENDS: Words = words("resends by the server", "повторных передач сервера");
pub(crate) const RESETS: Words = words("resets by the server", "сбросов сервером");
pub(crate) const LOST: Words = words("lost in the capture buffer", "потеряно в буфере захвата");
pub(crate) const ALL_RESETS: Words = words(
    "all weaknesses: resets by the server",
    "все слабости: сбросов сервером",
);
pub(crate) const OVERFLOWED: Words = words(
    "all weaknesses, patient server: frames lost",
    "все слабости, терпеливый сервер: кадров потеряно",
);
pub(crate) const PATIENT: Words = words(
    "all weaknesses, patient server: resends",
    "все слабости, терпеливый сервер: повторов",
);
pub(crate) const DUPACKS: Words = words(
    "with duplicate ACKs: resends",
    "с повторными подтверждениями: повторов",
);
pub(crate) const SLOW: Words = words(
    "slow ACKs alone: resends",
    "одни медленные подтверждения: повторов",
);
pub(crate) const HANDFAST: Words =
    words("Handfast: resends, resets", "Handfast: повторов, сбросов");
pub(crate) const TOOK: Words = words("Handfast: time", "Handfast: время");
pub(crate) const RATIO: Words = words(
    "Handfast is faster than slow ACKs alone by",
    "Handfast быстрее одних медленных подтверждений",
);
pub(crate) const NOT_DEFEATED: Words = words(
    "expected the server's application to lose patience and reset; {all_resets} resets",
    "ожидалось, что приложение сервера потеряет терпение и сбросит; сбросов {all_resets}",
);
pub(crate) const NO_OVERFLOW: Words = words(
    "the capture buffer did not overflow",
    "буфер захвата не переполнился",
);
pub(crate) const NO_FLOOD: Words = words(
    "expected more than two resends for each of {overflowed} lost frames and no reset; {patient} resends",
    "ожидалось больше двух повторов на каждый из потерянных кадров ({overflowed}) и без сброса; повторов {patient}",
);
pub(crate) const FAST_WAS_RESET: Words = words(
    "a fast receiver was reset",
    "быстрый получатель получил сброс",
);
pub(crate) const WAS_HURT: Words = words(
    "without the small buffer, expected at most two resends and no reset",
    "без маленького буфера ожидалось не больше двух повторов и без сброса",
);
pub(crate) const NOT_FEWER: Words = words(
    "duplicate ACKs left {dupacks} of {patient} resends, expected less than half",
    "с повторными подтверждениями осталось повторов {dupacks} из {patient}, ожидалось меньше половины",
);
pub(crate) const NOT_WHOLE: Words = words(
    "a transfer was not complete or not intact; see the table",
    "какая-то передача не завершена или повреждена; см. таблицу",
);
pub(crate) const NOT_CALM: Words = words(
    "Handfast needed too many resends or resets: {handfast}",
    "Handfast понадобилось слишком много повторов или сбросов: {handfast}",
);
pub(crate) const NOT_UNHURT: Words = words(
    "expected nothing lost and no reset; {lost} lost, {resends} resends, {resets} resets",
    "ожидалось без потерь и без сброса; потеряно {lost}, повторов {resends}, сбросов {resets}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why did {overflowed} lost frames cost {patient} resends?",
            "Почему потерянные кадры ({overflowed}) стоили стольких повторов ({patient})?",
        ),
        words(
            "The receiver threw away what came behind each hole and said nothing, so the server had to send all \
             of that again. With duplicate ACKs it was {dupacks}.",
            "Получатель выбрасывал всё, что пришло после дыры, и молчал, поэтому серверу пришлось передавать \
             заново и это. С повторными подтверждениями повторов было {dupacks}.",
        ),
    ),
    question(
        words(
            "The article blamed slow ACKs. What speaks against that?",
            "Статья винила медленные подтверждения. Что говорит против этого?",
        ),
        words(
            "Slow ACKs alone brought {slow} resends and no reset: the server's timeout adapts to the round trips \
             that it measures.",
            "Одни медленные подтверждения дали повторов {slow} и ни одного сброса: тайм-аут сервера \
             приспосабливается к измеренным кругам.",
        ),
    ),
    question(
        words(
            "Who sent the RST, the kernel or the application?",
            "Кто послал RST: ядро или приложение?",
        ),
        words(
            "The kernel, on the application's word: it had waited two seconds without progress ({all_resets} \
             resets). A patient application got everything through.",
            "Ядро, по слову приложения: то прождало две секунды без движения (сбросов: {all_resets}). Терпеливое \
             приложение передало всё.",
        ),
    ),
];
