//! What the lesson `bufferbloat` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "a large queue before a slow link: CUBIC fills it and everybody waits, BBR does not",
    "большая очередь перед медленным каналом: CUBIC заполняет её, и ждут все; BBR — нет",
);
pub(crate) const BREAKS: Words = words(
    "the queue holds 20 ms instead of 200, and so the bloat is gone, whatever the controller",
    "очередь вмещает 20 мс вместо 200, и раздутых буферов больше нет, каким бы ни был алгоритм",
);
pub(crate) const STORY: Words = words(
    "A link of 20 Mbit/s with a round trip of 20 ms, and a queue in front of it that holds 500 KB: \
     200 ms at this rate. Two uploads, each over such a link of its own. CUBIC takes a loss as the \
     sign that it sends too much; a large queue loses nothing until it is full, so CUBIC fills it. BBR \
     measures how fast what it sends arrives and how short the round trip can be, and sends at that \
     rate: more in flight would only wait. Four seconds.",
    "Канал на 20 Мбит/с с кругом в 20 мс и очередь перед ним на 500 КБ: при такой скорости это 200 мс. \
     Две передачи, каждая по своему такому каналу. CUBIC считает знаком перегрузки потерю; большая \
     очередь не теряет ничего, пока не заполнится, — и CUBIC её заполняет. BBR измеряет, с какой \
     скоростью отправленное доходит и насколько коротким бывает круг, и шлёт с этой скоростью: всё \
     сверх того лишь стояло бы в очереди. Четыре секунды.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The same link with a queue of 50 KB, as much as the path itself holds: 20 ms. CUBIC still fills what there is, \
     but there is little, and its losses come early.",
    "Тот же канал с очередью на 50 КБ — столько же вмещает сам путь: 20 мс. CUBIC по-прежнему \
     заполняет всё, что есть, но есть мало, и потери приходят рано.",
);
pub(crate) const CUBIC: Words = words(
    "CUBIC, its beginning and its end:",
    "CUBIC, начало и конец:",
);
pub(crate) const BBR: Words = words("BBR, its beginning and its end:", "BBR, начало и конец:");
pub(crate) const SIDE_BY_SIDE: Words = words(
    "Side by side, every half second:",
    "Рядом, через каждые полсекунды:",
);
pub(crate) const HEADING: Words = words(
    "   time    CUBIC: RTT     rate       BBR: RTT     rate\n      s            ms   Mbit/s            ms   Mbit/s",
    "  время    CUBIC: RTT скорость       BBR: RTT скорость\n      с            мс   Мбит/с            мс   Мбит/с",
);
pub(crate) const VERDICT: Words = words(
    "Both got the link: {cubic_rate} and {bbr_rate}. But with CUBIC a round trip took {cubic_rtt}, with \
     BBR {bbr_rtt}; it is {base} when nobody sends. Whoever else uses the link waits as long: a \
     call, a game, the next page.",
    "Канал достался обоим: {cubic_rate} и {bbr_rate}. Но с CUBIC круг занимал {cubic_rtt}, с BBR — \
     {bbr_rtt}, а без нагрузки он {base}. Столько же ждут все, кто пользуется каналом: звонок, \
     игра, следующая страница.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "Round trips of {cubic_rtt} and {bbr_rtt} at {cubic_rate} and {bbr_rate}: a queue as long as the \
     path is enough for the rate, and nobody waits long.",
    "Круги {cubic_rtt} и {bbr_rtt} при {cubic_rate} и {bbr_rate}: очереди длиной с путь хватает для \
     скорости, и никто не ждёт долго.",
);
pub(crate) const LOADING: Words = words("loading the link", "нагрузить канал");
pub(crate) const BASE: Words = words("round trip without load", "круг без нагрузки");
pub(crate) const CUBIC_RTT: Words =
    words("CUBIC: round trip under load", "CUBIC: круг под нагрузкой");
pub(crate) const BBR_RTT: Words = words("BBR: round trip under load", "BBR: круг под нагрузкой");
pub(crate) const CUBIC_RATE: Words = words("CUBIC: goodput", "CUBIC: полезная скорость");
pub(crate) const BBR_RATE: Words = words("BBR: goodput", "BBR: полезная скорость");
pub(crate) const CUBIC_RESENDS: Words = words("CUBIC: segments resent", "CUBIC: повторных передач");
pub(crate) const BBR_RESENDS: Words = words("BBR: segments resent", "BBR: повторных передач");
pub(crate) const NOT_BLOATED: Words = words(
    "expected CUBIC to fill the queue: a round trip of {cubic_rtt} under load, {base} without",
    "ожидалось, что CUBIC заполнит очередь: круг {cubic_rtt} под нагрузкой, {base} без неё",
);
pub(crate) const NOT_SHORT: Words = words(
    "expected BBR to keep the queue short: a round trip of {bbr_rtt}, with CUBIC {cubic_rtt}",
    "ожидалось, что очередь BBR короткая: круг {bbr_rtt}, у CUBIC {cubic_rtt}",
);
pub(crate) const NOT_LEVEL: Words = words(
    "expected BBR to get as much as CUBIC, about: {bbr_rate} and {cubic_rate}",
    "ожидалось, что BBR получит примерно столько же, сколько CUBIC: {bbr_rate} и {cubic_rate}",
);
pub(crate) const STILL_BLOATED: Words = words(
    "expected short round trips with a short queue: {cubic_rtt} and {bbr_rtt}",
    "ожидались короткие круги при короткой очереди: {cubic_rtt} и {bbr_rtt}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Does a larger queue make the link faster?",
            "Делает ли большая очередь канал быстрее?",
        ),
        words(
            "No: CUBIC got {cubic_rate} with a long queue, BBR {bbr_rate} with hardly any. A queue only has \
             to last while a sender that met a loss slows down.",
            "Нет: CUBIC получил {cubic_rate} с длинной очередью, BBR — {bbr_rate} почти без неё. Очереди \
             должно хватать лишь на то время, пока отправитель, встретив потерю, сбавляет ход.",
        ),
    ),
    question(
        words(
            "Why does the round trip grow and not the rate, when a sender has more in flight than the path holds?",
            "Почему, когда в пути больше, чем он вмещает, растёт время круга, а не скорость?",
        ),
        words(
            "The link sends as fast as before; what is too much stands in line. {cubic_rtt} less {base} is the \
             time in the queue, and times 20 Mbit/s that is what waits.",
            "Канал отправляет с той же скоростью, лишнее стоит в очереди. {cubic_rtt} без {base} — время в \
             очереди, а помноженное на 20 Мбит/с — то, что в ней стоит.",
        ),
    ),
    question(
        words(
            "Who can mend it, if the sender cannot be changed?",
            "Кто может это исправить, если отправителя не поменять?",
        ),
        words(
            "Whoever owns the queue: a shorter one, as with --break, or one that drops or marks early (RED, \
             CoDel, FQ-CoDel), so that senders hear of congestion before everybody waits {cubic_rtt}.",
            "Владелец очереди: сделать её короче, как с --break, или отбрасывать и отмечать сегменты рано \
             (RED, CoDel, FQ-CoDel), чтобы отправители узнавали о перегрузке раньше, чем все начнут ждать \
             {cubic_rtt}.",
        ),
    ),
];
