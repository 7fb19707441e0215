//! What the lesson `slow-start` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "a sender starts with ten segments and doubles in each round trip",
    "отправитель начинает с десяти сегментов и удваивает окно за каждый круг",
);
pub(crate) const BREAKS: Words = words(
    "the first window is one segment instead of ten, so the same bytes take more round trips",
    "первое окно — один сегмент вместо десяти, и те же байты занимают больше кругов",
);
pub(crate) const STORY: Words = words(
    "A sender does not know what the path carries, so it asks by sending. It begins with a \
     congestion window of ten segments; each ACK makes the window grow by what it acknowledges, \
     and so each round trip carries twice as much as the one before. That is slow start: slow only \
     in how it begins.\n\n\
     We send 240 full segments to the kernel over a path with a round trip of 100 ms. In the ladder, \
     a line such as 14480×10 stands for ten segments. Look for the silences: each flight is out at \
     once, then nothing happens until its ACKs come back. (A later flight can be cut short by the \
     kernel's receive window, which grows by itself.)",
    "Отправитель не знает, сколько выдержит путь, и выясняет это, отправляя данные. Он начинает с \
     окна перегрузки в десять сегментов; каждое подтверждение увеличивает окно на столько, сколько \
     подтвердило, и за каждый круг (RTT) уходит вдвое больше, чем за предыдущий. Это и есть \
     медленный старт: медленно он только начинает.\n\n\
     Мы отправляем ядру 240 полных сегментов по пути, круг по которому занимает 100 мс. Строка вида \
     14480×10 на диаграмме — это десять сегментов. Обратите внимание на паузы: вся порция уходит \
     сразу, а затем не происходит ничего, пока не вернутся подтверждения. (Поздние порции может урезать окно приёма ядра, которое \
     растёт само по себе.)",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The same 240 segments over the same path, but the first window is a single segment, as it was \
     until 1998. The window still doubles; it only begins ten times lower, and each doubling costs a \
     round trip of 100 ms.",
    "Те же 240 сегментов по тому же пути, но первое окно — один сегмент, как было до 1998 года. Окно \
     по-прежнему удваивается, просто начинает с величины в десять раз меньше, а каждое удвоение \
     стоит круга в 100 мс.",
);
pub(crate) const VERDICT: Words = words(
    "The flights were {flights} segments: {rounds} round trips for all. The path was never the \
     limit, the asking was.",
    "Порции были такими: {flights} сегментов; на всё ушло кругов: {rounds}. Ограничивал не путь, а \
     само выяснение.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "The flights were {flights} segments: {rounds} round trips instead of five or six. Nothing was lost and \
     no link was slow; all the time went into asking.",
    "Порции были такими: {flights} сегментов; кругов {rounds} вместо пяти-шести. Ничего не терялось, и канал \
     не был медленным: всё время ушло на выяснение.",
);
pub(crate) const SENDING: Words = words("sending 240 segments", "отправить 240 сегментов");
pub(crate) const ROUNDS: Words = words("round trips with data", "кругов с данными");
pub(crate) const FLIGHTS: Words = words("segments in each round trip", "сегментов за каждый круг");
pub(crate) const WINDOW: Words = words(
    "congestion window at the end, in segments",
    "окно перегрузки в конце, в сегментах",
);
pub(crate) const RTT: Words = words("round trip, by the SYN", "круг, по SYN");
pub(crate) const RESENDS: Words = words("segments resent", "повторных передач");
pub(crate) const NOT_WHOLE: Words = words(
    "the server did not get all bytes",
    "сервер получил не все байты",
);
pub(crate) const NOT_FIRST: Words = words(
    "the first flight was not the first window; the flights were {flights}",
    "первая порция не равна первому окну; порции: {flights}",
);
pub(crate) const NOT_GROWN: Words = words(
    "expected flights that grow by half at least, saw {flights}",
    "ожидался рост порций хотя бы в полтора раза, а порции были {flights}",
);
pub(crate) const NOT_FAST: Words = words(
    "expected fewer than eight round trips, saw {rounds}",
    "ожидалось меньше восьми кругов, а их {rounds}",
);
pub(crate) const NOT_SLOWER: Words = words(
    "expected eight round trips or more from a window of one, saw {rounds}",
    "при первом окне в один сегмент ожидалось не меньше восьми кругов, а их {rounds}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "A page has 14 KB, another has 15 KB. Why may the second take a whole round trip longer?",
            "В одной странице 14 КБ, в другой 15 КБ. Почему вторая может идти на целый круг дольше?",
        ),
        words(
            "The first flight is ten segments of 1,448 bytes, 14,480 bytes: see the flights, \
             {flights}. What does not fit waits for the first ACKs, {rtt} here.",
            "Первая порция — десять сегментов по 1448 байт, 14 480 байт: вот порции этого запуска, \
             {flights}. Что не поместилось, ждёт первых подтверждений — здесь {rtt}.",
        ),
    ),
    question(
        words(
            "How long would ten times as much take, if the path could carry anything?",
            "Сколько заняла бы передача вдесятеро большего объёма, если путь выдержит всё?",
        ),
        words(
            "Not ten times as long: ten is a little more than three doublings, so about three or four round \
             trips more than the {rounds} measured.",
            "Не вдесятеро дольше: десять — это чуть больше трёх удвоений, то есть круга на три-четыре больше \
             измеренных {rounds}.",
        ),
    ),
    question(
        words(
            "What ends slow start on a real path?",
            "Что прекращает медленный старт на настоящем пути?",
        ),
        words(
            "A loss or a congestion mark, or round trips that grow because a queue builds up (HyStart++, \
             which is off in this lesson). Here nothing was lost ({resends} segments resent), so the window was \
             {window} segments at the end and would have gone on growing.",
            "Потеря, отметка о перегрузке или рост времени круга из-за растущей очереди (HyStart++, в этом \
             уроке выключен). Здесь ничего не терялось (повторных передач: {resends}), поэтому в \
             конце окно было {window} сегментов и росло бы дальше.",
        ),
    ),
];
