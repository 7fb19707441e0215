//! What the lesson `zero-window` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "the receiver's application does not read: its window shuts, and probes ask until it opens",
    "приложение получателя не читает: окно закрывается, и пробы спрашивают, пока оно не откроется",
);
pub(crate) const BREAKS: Words = words(
    "the server's application never reads: the probes go on, and nothing in TCP ends that",
    "приложение сервера не читает никогда: пробы продолжаются, и ничто в TCP этого не прекратит",
);
pub(crate) const STORY: Words = words(
    "We send 300,000 bytes to a server whose application does not read. The kernel takes what its \
     buffer holds; each ACK offers a smaller window, and the last one none (win 0). We must stop. The news \
     that the window is open again comes in a bare ACK, which nobody acknowledges: if it were \
     lost, both sides would wait for ever. So the sender asks: a window probe, a byte that may be \
     refused, and then again after a longer wait. After two probes the application reads at last.",
    "Мы отправляем 300 000 байт серверу, приложение которого не читает. Ядро принимает, сколько \
     вмещает буфер; каждое подтверждение предлагает всё меньшее окно, последнее — никакого (win 0). \
     Надо остановиться. Весть о том, что окно открылось, придёт голым подтверждением, которого никто \
     не подтверждает: потеряйся оно, обе стороны ждали бы вечно. Поэтому отправитель спрашивает: \
     проба окна — байт, который могут и не принять, — и ещё раз, подождав дольше. После двух проб \
     приложение наконец читает.",
);
pub(crate) const VERDICT: Words = words(
    "The window was shut with {taken} bytes taken; {probes} probes later it opened, and the \
     application read all {read} bytes.",
    "Окно закрылось, когда было принято {taken} байт; проб понадобилось {probes}, затем оно \
     открылось, и приложение прочло все {read} байт.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "The same, but the application never reads. The kernel answers each probe: I am here, and my \
     window is shut. As long as it answers, the sender must keep the connection open (RFC 9293 \
     3.8.6.1), and it does; it only asks less and less often. We watch four probes.",
    "То же, но приложение не читает никогда. Ядро отвечает на каждую пробу: я здесь, окно закрыто. \
     Пока оно отвечает, отправитель обязан держать соединение (RFC 9293 3.8.6.1), и он его держит, \
     лишь спрашивая всё реже. Мы смотрим на четыре пробы.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "After {probes} probes the connection is {state}, and {progress} bytes have moved since the \
     first. The waits grew from {first_gap} to {last_gap}. Only an application can say that this is \
     long enough; ours does now, with a RST.",
    "После {probes} проб состояние соединения — {state}, и с первой пробы продвинулось байт: \
     {progress}. Ожидания выросли с {first_gap} до {last_gap}. Решить, что довольно ждать, может \
     только приложение; наше решает это сейчас и посылает RST.",
);
pub(crate) const SENDING: Words = words(
    "sending to an application that does not read",
    "отправить данные приложению, которое не читает",
);
pub(crate) const TAKEN: Words = words(
    "bytes acknowledged when the window was shut",
    "байт подтверждено к закрытию окна",
);
pub(crate) const SHUT: Words = words("ACKs that offer no window", "подтверждений с нулевым окном");
pub(crate) const PROBES: Words = words("window probes", "проб окна");
pub(crate) const FIRST_GAP: Words = words(
    "from the first probe to the second",
    "от первой пробы до второй",
);
pub(crate) const LAST_GAP: Words = words(
    "between the last two probes",
    "между последними двумя пробами",
);
pub(crate) const PROGRESS: Words = words(
    "bytes acknowledged since the first probe",
    "байт подтверждено после первой пробы",
);
pub(crate) const STATE: Words = words("state of the connection", "состояние соединения");
pub(crate) const OPENED: Words = words("times that the window opened", "раз окно открылось");
pub(crate) const READ: Words = words("bytes that the application read", "байт прочло приложение");
pub(crate) const NOT_SHUT: Words = words(
    "expected the window to shut, it never did",
    "ожидалось, что окно закроется, этого не было",
);
pub(crate) const NO_PROBES: Words = words(
    "expected two probes at least, saw {probes}",
    "ожидалось не меньше двух проб, а их {probes}",
);
pub(crate) const NOT_OPENED: Words = words(
    "expected the window to open, it never did",
    "ожидалось, что окно откроется, этого не было",
);
pub(crate) const NOT_WHOLE: Words = words(
    "the application read {read} bytes of 300,000",
    "приложение прочло {read} байт из 300 000",
);
pub(crate) const NOT_LONGER: Words = words(
    "expected longer and longer waits: {first_gap} at first, {last_gap} at last",
    "ожидалось, что ожидания растут: сначала {first_gap}, в конце {last_gap}",
);
pub(crate) const NOT_STUCK: Words = words(
    "expected an open connection without progress: {state}, {progress} bytes",
    "ожидалось открытое соединение без движения: {state}, байт {progress}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why is a probe needed at all? The receiver could say when it has room.",
            "Зачем вообще проба? Получатель мог бы сам сказать, когда появится место.",
        ),
        words(
            "It does say so, {opened} times here; but in an ACK without data, which nobody acknowledges and \
             nobody sends again. Lost once, it would be lost for good.",
            "Он и говорит (здесь раз: {opened}), но подтверждением без данных, которое никто не \
             подтверждает и не повторяет. Потерявшись однажды, оно пропало бы насовсем.",
        ),
    ),
    question(
        words(
            "The window was shut after {taken} bytes, yet write() took all 300,000. Where was the rest?",
            "Окно закрылось после {taken} байт, но write() принял все 300 000. Где был остаток?",
        ),
        words(
            "In the sender's buffer. That a write succeeded says only that the own stack has the bytes, not \
             that anybody has read them: the application read {read} in the end.",
            "В буфере отправителя. Успешная запись значит лишь, что байты у собственного стека, а не что \
             кто-то их прочёл: приложение прочло {read} только в конце.",
        ),
    ),
    question(
        words(
            "How is a shut window different from a full congestion window?",
            "Чем закрытое окно отличается от исчерпанного окна перегрузки?",
        ),
        words(
            "The one is the receiver's word about its buffer, stands in each segment, and is exact ({shut} ACKs \
             said zero). The other is the sender's own guess about the path, and nobody ever sends it.",
            "Первое — слова получателя о его буфере; они есть в каждом сегменте и точны (нуль назвали \
             {shut} подтверждений). Второе — догадка отправителя о пути, и её никто никому не посылает.",
        ),
    ),
];
