//! What the lesson `fast-retransmit` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "duplicate ACKs show a hole, and it is repaired without the timer; with SACK and without",
    "повторные подтверждения выдают дыру, и её латают, не дожидаясь таймера; с SACK и без него",
);
pub(crate) const BREAKS: Words = words(
    "too little follows the hole to show it (and no SACK, RACK, TLP), so only the timer is left",
    "за дырой идёт слишком мало сегментов, чтобы её выдать (и нет SACK, RACK, TLP): остаётся таймер",
);
pub(crate) const STORY_SACK: Words = words(
    "The path loses our 5th and our 8th segment with data. Each segment that arrives behind the \
     hole makes the kernel acknowledge at once: the number stays at the hole, and SACK blocks name \
     what is there. That is enough to know what is lost, so the copies leave about a round trip \
     after the originals, and the timer plays no part.",
    "Путь теряет наши 5-й и 8-й сегменты с данными. На каждый сегмент, пришедший после дыры, ядро \
     отвечает немедленно: номер подтверждения стоит на дыре, а блоки SACK перечисляют, что уже \
     есть. Этого довольно, чтобы понять, что потеряно: копии уходят примерно через круг после \
     оригиналов, и таймер в этом не участвует.",
);
pub(crate) const VERDICT_SACK: Words = words(
    "{lost} segments were lost, {fast} went again {waited} after the first loss, and the timer ran out \
     {timeouts} times.",
    "Потеряно сегментов: {lost}; повторены быстро: {fast}, через {waited} после первой потери; таймер \
     срабатывал раз: {timeouts}.",
);
pub(crate) const STORY_NO_SACK: Words = words(
    "The same without SACK. The kernel can only repeat one number. The first and second repetition \
     may mean that segments overtook each other; the third counts as proof, and the segment at the \
     hole goes again. An ACK that then moves only to the next hole (a partial ACK) gives that one \
     away.",
    "То же без SACK. Ядро может лишь повторять один и тот же номер. Первый и второй повтор могут \
     означать, что сегменты обогнали друг друга; третий считается доказательством, и сегмент у \
     дыры уходит снова. Если после этого подтверждение сдвинулось лишь до следующей дыры \
     (частичное подтверждение), оно выдаёт и её.",
);
pub(crate) const VERDICT_NO_SACK: Words = words(
    "{bare_duplicates} duplicate ACKs came, none said what it had, and still the timer ran out \
     {bare_timeouts} times.",
    "Пришло повторных подтверждений: {bare_duplicates}; ни одно не сказало, что у получателя есть, и всё \
     же таймер срабатывал раз: {bare_timeouts}.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "Six segments, the fifth is lost, and only one follows it (and perhaps a FIN): that is one or \
     two duplicate ACKs, and three are the proof. SACK, RACK and tail loss probes, which need \
     less, are switched off. So nothing is left but the retransmission timer, which is at least \
     200 ms although a round trip is 30.",
    "Шесть сегментов, пятый потерян, и за ним идёт только один (да, может быть, FIN): это одно-два \
     повторных подтверждения, а доказательство — три. SACK, RACK и TLP, которым хватает меньшего, \
     выключены. Остаётся только таймер повторной передачи, а он не короче 200 мс, хотя круг — \
     всего 30.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "{bare_duplicates} duplicate ACKs are no proof: the copy left {waited} after the original, when \
     the timer ran out.",
    "Повторных подтверждений — {bare_duplicates}, это не доказательство: копия ушла через {waited} \
     после оригинала, когда сработал таймер.",
);
pub(crate) const SENDING: Words = words("sending over the path", "отправить данные по пути");
pub(crate) const NOT_WHOLE: Words = words(
    "the server did not get all bytes",
    "сервер получил не все байты",
);
pub(crate) const LOST: Words = words("segments lost by the path", "сегментов потеряно путём");
pub(crate) const SACKS: Words = words("ACKs with SACK blocks", "подтверждений с блоками SACK");
pub(crate) const FAST: Words = words(
    "segments resent without the timer",
    "сегментов повторено без таймера",
);
pub(crate) const TIMEOUTS: Words = words("expiries of the timer", "срабатываний таймера");
pub(crate) const WAITED: Words = words(
    "from the first lost segment to its copy",
    "от первого потерянного сегмента до его копии",
);
pub(crate) const RTO: Words = words(
    "the timer that was not needed (RTO)",
    "таймер, который не понадобился (RTO)",
);
pub(crate) const BARE_DUPLICATES: Words = words(
    "without SACK: duplicate ACKs",
    "без SACK: повторных подтверждений",
);
pub(crate) const BARE_SACKS: Words = words(
    "without SACK: ACKs with SACK blocks",
    "без SACK: подтверждений с блоками SACK",
);
pub(crate) const BARE_FAST: Words = words(
    "without SACK: segments resent without the timer",
    "без SACK: сегментов повторено без таймера",
);
pub(crate) const BARE_TIMEOUTS: Words = words(
    "without SACK: expiries of the timer",
    "без SACK: срабатываний таймера",
);
pub(crate) const BARE_WAITED: Words = words(
    "without SACK: from the first lost segment to its copy",
    "без SACK: от первого потерянного до его копии",
);
pub(crate) const NO_SACKS: Words = words(
    "expected ACKs with SACK blocks, saw none",
    "ожидались подтверждения с блоками SACK, их не было",
);
pub(crate) const NOT_FAST: Words = words(
    "expected both losses repaired without the timer; {fast} copies, {timeouts} expiries",
    "ожидалось, что обе потери исправят без таймера; копий {fast}, срабатываний {timeouts}",
);
pub(crate) const NO_DUPLICATES: Words = words(
    "expected a resend after three duplicate ACKs and no SACK; {bare_duplicates} duplicate ACKs, {bare_sacks} with SACK",
    "ожидалась передача после трёх повторных подтверждений без SACK; повторных {bare_duplicates}, с SACK {bare_sacks}",
);
pub(crate) const BARE_NOT_FAST: Words = words(
    "expected both losses repaired without the timer; {bare_fast} copies, {bare_timeouts} expiries",
    "ожидалось, что обе потери исправят без таймера; копий {bare_fast}, срабатываний {bare_timeouts}",
);
pub(crate) const NOT_BROKEN: Words = words(
    "expected that only the timer repairs it; {fast} copies without it, {timeouts} expiries",
    "ожидалось, что исправит только таймер; копий без него {fast}, срабатываний {timeouts}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why are three duplicate ACKs asked for and not one?",
            "Почему ждут трёх повторных подтверждений, а не одного?",
        ),
        words(
            "Segments can overtake each other on the way, and then duplicate ACKs come though nothing is lost. \
             Three are a compromise between a needless copy and a needless wait. Here {bare_duplicates} came.",
            "Сегменты могут обогнать друг друга, и тогда повторные подтверждения придут без всякой \
             потери. Три — компромисс между лишней копией и лишним ожиданием. Здесь их пришло \
             {bare_duplicates}.",
        ),
    ),
    question(
        words(
            "What does the sender gain by not waiting for its timer?",
            "Что отправитель выигрывает, не дожидаясь таймера?",
        ),
        words(
            "Time: the copy left after {waited}; the timer stood at {rto}. And its window: an expired timer \
             counts as a sign that nothing gets through at all, and sends it back to one segment.",
            "Время: копия ушла через {waited}, а таймер стоял на {rto}. И окно: сработавший таймер \
             считается знаком того, что не проходит вообще ничего, и окно падает до одного сегмента.",
        ),
    ),
    question(
        words(
            "What does SACK tell that repeated numbers do not?",
            "Что SACK сообщает такого, чего не видно из повторяющихся номеров?",
        ),
        words(
            "Which segments behind the hole have arrived, so that several holes are seen at once \
             ({sacks} ACKs carried such blocks). Without SACK each hole but the first is found only by the \
             partial ACK that follows the repair of the one before.",
            "Какие сегменты после дыры дошли, поэтому видно сразу несколько дыр (такие блоки несли \
             {sacks} подтверждений). Без SACK каждую дыру, кроме первой, находят лишь по частичному \
             подтверждению после починки предыдущей.",
        ),
    ),
    question(
        words(
            "When can a hole not be found this way at all?",
            "Когда дыру так не найти вовсе?",
        ),
        words(
            "When too little follows it: at the end of a stream. `handfast lab fast-retransmit --break` shows \
             that, and `rto-and-tail-loss-probe` what helps.",
            "Когда за ней идёт слишком мало: в конце потока. Это показывает `handfast lab fast-retransmit \
             --break`, а что помогает — `rto-and-tail-loss-probe`.",
        ),
    ),
];
