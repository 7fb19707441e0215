//! What the lesson `rto-and-tail-loss-probe` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "the end of a flight is lost: a probe asks early, else the timer waits long, and doubles",
    "потерян конец порции: проба спрашивает рано, иначе долго ждёт таймер, каждый раз вдвое дольше",
);
pub(crate) const BREAKS: Words = words(
    "no tail loss probe, so a loss at the very end costs a whole retransmission timeout",
    "нет пробы хвоста (TLP): потеря в самом конце стоит полного тайм-аута (RTO)",
);
pub(crate) const STORY_PROBE: Words = words(
    "After a greeting we send a flight of ten segments, and the path loses the last two. The kernel acknowledges eight \
     and falls silent: nothing follows the hole, so nothing shows it. The sender could wait for its \
     retransmission timer, which is at least 200 ms. Instead, when nobody has answered for two \
     round trips, it sends the last segment again: a tail loss probe. That one now lies behind \
     the hole, so its ACK shows what else is missing.",
    "После приветствия мы отправляем порцию из десяти сегментов, и путь теряет последние два. Ядро подтверждает восемь и \
     умолкает: за дырой ничего не идёт, и выдать её нечему. Отправитель мог бы ждать таймера \
     повторной передачи, а это не меньше 200 мс. Вместо этого, не услышав ничего за два круга, \
     он снова отправляет последний сегмент: это проба хвоста (TLP). Теперь за дырой что-то есть, и \
     подтверждение пробы показывает, чего ещё недостаёт.",
);
pub(crate) const VERDICT_PROBE: Words = words(
    "The probe left {probe_wait} after the flight; the timer would have waited {rto}.",
    "Проба ушла через {probe_wait} после порции; таймер ждал бы {rto}.",
);
pub(crate) const STORY_TIMER: Words = words(
    "Now the path loses the probe, too, and the first copy after it. There is one probe for each \
     tail; from here on only the timer is left. When it runs out, nothing is known any more: the \
     window falls to one segment, and each further wait is twice as long, to spare a network that \
     may be full.",
    "Теперь путь теряет и пробу, и первую копию после неё. Проба на один хвост одна, дальше остаётся \
     только таймер. Когда он срабатывает, отправитель не знает уже ничего: окно падает до одного \
     сегмента, а каждое следующее ожидание вдвое дольше, чтобы пощадить сеть, которая, возможно, \
     переполнена.",
);
pub(crate) const VERDICT_TIMER: Words = words(
    "The waits: {wait_probe} for the probe, then {wait_first}, then {wait_second}.",
    "Ожидания: {wait_probe} до пробы, затем {wait_first}, затем {wait_second}.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The same flight with the same loss, but without the probe. The path is as fast as before and \
     loses two segments in ten; what it costs is decided by which ones.",
    "Та же порция и та же потеря, но без пробы. Путь так же быстр, как прежде, и теряет два сегмента \
     из десяти; чего это стоит, решает то, какие именно.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "The copy left {timer_wait} after the original, when the timer ran out: a round trip is 30 ms.",
    "Копия ушла через {timer_wait} после оригинала, по таймеру; а круг — 30 мс.",
);
pub(crate) const SENDING: Words = words(
    "sending ten segments and hearing the answer",
    "отправить десять сегментов и получить ответ",
);
pub(crate) const PROBES: Words = words("tail loss probes", "проб хвоста (TLP)");
pub(crate) const TIMEOUTS: Words = words("expiries of the timer", "срабатываний таймера");
pub(crate) const PROBE_WAIT: Words = words("from the flight to the probe", "от порции до пробы");
pub(crate) const TIMER_WAIT: Words = words(
    "from the flight to the first copy",
    "от порции до первой копии",
);
pub(crate) const RTO: Words = words(
    "retransmission timeout (RTO)",
    "тайм-аут повторной передачи (RTO)",
);
pub(crate) const EXPIRIES: Words = words(
    "probe lost: expiries of the timer",
    "проба потеряна: срабатываний таймера",
);
pub(crate) const WAIT_PROBE: Words = words(
    "probe lost: wait for the probe",
    "проба потеряна: ожидание пробы",
);
pub(crate) const WAIT_FIRST: Words = words(
    "probe lost: wait for the timer",
    "проба потеряна: ожидание таймера",
);
pub(crate) const WAIT_SECOND: Words = words(
    "probe lost: wait for the timer again",
    "проба потеряна: второе ожидание таймера",
);
pub(crate) const NO_PROBE: Words = words(
    "expected a probe before the timer; {probes} probes, {timeouts} expiries",
    "ожидалась проба раньше таймера; проб {probes}, срабатываний {timeouts}",
);
pub(crate) const NO_TIMER: Words = words(
    "expected two expiries of the timer, saw {expiries}",
    "ожидались два срабатывания таймера, а их {expiries}",
);
pub(crate) const NOT_LONGER: Words = words(
    "expected the second wait to be longer: {wait_first}, then {wait_second}",
    "ожидалось, что второе ожидание дольше: {wait_first}, затем {wait_second}",
);
pub(crate) const NOT_BROKEN: Words = words(
    "expected that only the timer repairs it: {probes} probes, {timeouts} expiries, {timer_wait}",
    "ожидалось, что исправит только таймер: проб {probes}, срабатываний {timeouts}, {timer_wait}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why does nobody notice a loss at the end as soon as one in the middle?",
            "Почему потерю в конце не замечают так же быстро, как потерю в середине?",
        ),
        words(
            "A hole is shown by what arrives behind it, and here nothing does. The receiver does not even \
             know that something is missing; only the sender can ask, after {probe_wait} here.",
            "Дыру выдаёт то, что приходит после неё, а здесь не приходит ничего. Получатель даже не знает, \
             что чего-то недостаёт; спросить может только отправитель, здесь — через {probe_wait}.",
        ),
    ),
    question(
        words(
            "Why not make the timer as short as the probe?",
            "Почему бы не сделать таймер таким же коротким, как проба?",
        ),
        words(
            "A probe that was not needed costs one segment. An expired timer costs the window and everything \
             in flight goes again, so it must not run out on a path that is only slow for a moment: {rto} \
             against {probe_wait}.",
            "Лишняя проба стоит одного сегмента. Сработавший таймер стоит окна, и всё, что в пути, уходит \
             заново, поэтому он не должен срабатывать, если путь лишь на миг замедлился: {rto} против \
             {probe_wait}.",
        ),
    ),
    question(
        words(
            "What does a sender on a dead path do after a minute?",
            "Что делает отправитель на мёртвом пути через минуту?",
        ),
        words(
            "Next to nothing: the waits double, {wait_first}, {wait_second}, and so on, so that after a \
             minute a single segment leaves every half minute or so.",
            "Почти ничего: ожидания удваиваются — {wait_first}, {wait_second} и так далее, — и через минуту \
             уходит по одному сегменту примерно раз в полминуты.",
        ),
    ),
];
