//! What the lesson `close` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "orderly close from either side, half-close, reset, and no reset to a reset",
    "закрытие по порядку с любой стороны, наполовину, сброс — и никаких сбросов в ответ на сброс",
);
pub(crate) const BREAKS: Words = words(
    "we vanish without a FIN and come back, and the server still believes in the connection",
    "мы исчезаем без FIN и возвращаемся, а сервер всё ещё верит в соединение",
);
pub(crate) const STORIES: [Words; 5] = [
    words(
        "We close first. Our FIN rides on the last data; the other direction stays open (half-close), \
         and the server's answer comes through it before its own FIN.",
        "Первыми закрываем мы. Наш FIN едет с последними данными; другое направление остаётся открытым \
         (соединение закрыто наполовину), и по нему до FIN сервера приходит его ответ.",
    ),
    words(
        "The server closes first. Its FIN leaves our direction open: we still send something, and only \
         then close.",
        "Первым закрывает сервер. Его FIN оставляет наше направление открытым: мы ещё кое-что отправляем и \
         лишь потом закрываем.",
    ),
    words(
        "We reset. The server's kernel forgets the connection and answers nothing.",
        "Сбрасываем мы. Ядро сервера забывает соединение и ничего не отвечает.",
    ),
    words(
        "The server resets. We forget the connection and answer nothing.",
        "Сбрасывает сервер. Мы забываем соединение и ничего не отвечаем.",
    ),
    words(
        "A stranger sends a SYN to a port of ours where nobody listens: refused with a RST. It sends a \
         RST to the same port: no answer, or two hosts could reset each other for ever.",
        "Посторонний шлёт SYN на наш порт, который никто не слушает: отказ, RST. Он шлёт RST на тот же \
         порт: ответа нет, иначе два хоста могли бы вечно сбрасывать друг друга.",
    ),
];
pub(crate) const STORY_VANISH: Words = words(
    "We ask for a page that comes a line at a time, read its beginning, and are gone: as when a machine \
     loses its power. No FIN, no RST. The server's kernel cannot know and goes on sending.",
    "Мы просим страницу, которая идёт построчно, читаем её начало и исчезаем, как машина, у которой \
     пропало питание. Ни FIN, ни RST. Ядро сервера узнать об этом не может и продолжает отправлять.",
);
pub(crate) const STORY_BACK: Words = words(
    "Somebody comes up at the same address who knows nothing of it. The next segment of the server \
     belongs to no connection there, and is answered with a RST: that is how one side of a half-open \
     connection learns that the other is gone (RFC 9293 3.5.1). If nobody came up, only the server's \
     timers would end it.",
    "На том же адресе появляется некто, ничего об этом не знающий. Следующий сегмент сервера там не \
     относится ни к какому соединению, и на него отвечают RST: так одна сторона полуоткрытого \
     соединения узнаёт, что другой больше нет (RFC 9293 3.5.1). Не появись никто, соединение закончили \
     бы только таймеры сервера.",
);
pub(crate) const VERDICT_VANISH: Words = words(
    "{fins} FINs of ours, and {resets} RSTs after we were back: the server's application was told that \
     its peer reset the connection.",
    "Наших FIN: {fins}; RST после возвращения: {resets}; приложению сервера сообщили, что собеседник \
     сбросил соединение.",
);
pub(crate) const CLOSING: Words = words("closing connections", "закрытие соединений");
pub(crate) const VANISHING: Words = words(
    "reading the beginning of the page",
    "прочесть начало страницы",
);
pub(crate) const COMING_BACK: Words = words("coming back", "вернуться");
pub(crate) const ANSWER: Words = words(
    "half-close: the server's answer after our FIN",
    "закрыто наполовину: ответ сервера после нашего FIN",
);
pub(crate) const RIDING: Words = words("FINs that rode on data", "FIN вместе с данными");
pub(crate) const STATE: Words = words(
    "our state after the server's FIN",
    "наше состояние после FIN сервера",
);
pub(crate) const OUR_RESET: Words = words(
    "we reset: RSTs out, RSTs back",
    "сбрасываем мы: RST туда, RST обратно",
);
pub(crate) const ITS_RESET: Words = words(
    "the server resets: RSTs in, RSTs back",
    "сбрасывает сервер: RST к нам, RST обратно",
);
pub(crate) const RESETS: Words = words(
    "RSTs sent by the server's kernel in all",
    "всего RST от ядра сервера",
);
pub(crate) const REFUSED: Words = words(
    "SYN to a closed port: refused",
    "SYN на закрытый порт: отказ",
);
pub(crate) const ANSWERED: Words = words(
    "RST to a closed port: answered",
    "RST на закрытый порт: был ответ",
);
pub(crate) const LEFT: Words = words("connections left over", "соединений осталось");
pub(crate) const FINS: Words = words("FINs of ours", "наших FIN");
pub(crate) const OUR_RESETS: Words = words("RSTs of ours", "наших RST");
pub(crate) const NO_ANSWER: Words = words(
    "after our FIN the server said: {answer}",
    "после нашего FIN сервер сказал: {answer}",
);
pub(crate) const NO_FIN_ON_DATA: Words =
    words("no FIN rode on data", "ни один FIN не ушёл с данными");
pub(crate) const NOT_HALF_OPEN: Words = words(
    "expected all bytes and CLOSE-WAIT, saw {state}",
    "ожидались все байты и CLOSE-WAIT, а было {state}",
);
pub(crate) const NOT_ONE_OUT: Words = words(
    "when we reset: {our_reset} RSTs out and back, expected 1 and 0",
    "сбрасывали мы: RST туда и обратно {our_reset}, ожидалось 1 и 0",
);
pub(crate) const NOT_ONE_IN: Words = words(
    "when the server reset: {its_reset} RSTs in and back, expected 1 and 0",
    "сбрасывал сервер: RST к нам и обратно {its_reset}, ожидалось 1 и 0",
);
pub(crate) const NOT_TOLD: Words = words(
    "the application was not told of the server's reset",
    "приложению не сообщили о сбросе сервером",
);
pub(crate) const NOT_REFUSED: Words = words(
    "the SYN to a closed port was not refused",
    "на SYN на закрытый порт отказа не было",
);
pub(crate) const WAS_ANSWERED: Words = words("a RST was answered", "на RST ответили");
pub(crate) const LEFT_OVER: Words = words(
    "{left} connections were left over",
    "осталось соединений: {left}",
);
pub(crate) const NOT_OUR_CLOSE: Words = words(
    "for the server our orderly close was none",
    "для сервера наше закрытие прошло не по порядку",
);
pub(crate) const NOT_ITS_CLOSE: Words = words(
    "for the server its own orderly close was none",
    "для сервера его собственное закрытие прошло не по порядку",
);
pub(crate) const NOT_OUR_RESET: Words = words(
    "the server did not notice our reset",
    "сервер не заметил нашего сброса",
);
pub(crate) const NOT_ITS_RESET: Words = words(
    "the server did not reset as it was asked to",
    "сервер не сбросил соединение, как его просили",
);
pub(crate) const MORE_RESETS: Words = words(
    "the server's kernel sent {resets} RSTs, expected its own one",
    "ядро сервера отправило RST: {resets}, ожидался один",
);
pub(crate) const NOT_VANISHED: Words = words(
    "expected RSTs and no FIN of ours; {resets} RSTs, {fins} FINs",
    "ожидались наши RST и ни одного FIN; RST {resets}, FIN {fins}",
);
pub(crate) const NOT_NOTICED: Words = words(
    "the server did not notice that its peer was gone",
    "сервер не заметил, что собеседник исчез",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why may the server still answer after our FIN?",
            "Почему сервер может отвечать после нашего FIN?",
        ),
        words(
            "A FIN closes one direction: we have no more to send. The other goes on until the server closes it \
             as well; its answer, \"{answer}\", came in between.",
            "FIN закрывает одно направление: отправлять нам больше нечего. Другое действует, пока его не закроет \
             сервер; его ответ «{answer}» пришёл в промежутке.",
        ),
    ),
    question(
        words(
            "What is lost when one side resets instead of closing?",
            "Что теряется, если сторона сбрасывает соединение, вместо того чтобы закрыть?",
        ),
        words(
            "Whatever is on its way or unread. A FIN has a number and is acknowledged after all that came before \
             it; a RST has nothing of that, and nobody answers it (RSTs out, back: {our_reset}).",
            "Всё, что в пути или не прочитано. FIN имеет номер и подтверждается после всего, что было до него; у \
             RST ничего этого нет, и на него никто не отвечает (RST туда, обратно: {our_reset}).",
        ),
    ),
    question(
        words(
            "How does a server notice that its peer has lost its power?",
            "Как сервер узнаёт, что у собеседника пропало питание?",
        ),
        words(
            "Only by sending: then timers run out, or a RST comes from whoever has the address now. `handfast \
             lab close --break` shows the latter. A server that only waits never notices, but for keep-alive \
             probes.",
            "Только отправляя: тогда истекают таймеры или приходит RST от того, у кого теперь этот адрес. \
             Последнее показывает `handfast lab close --break`. Сервер, который лишь ждёт, не заметит ничего, \
             разве что с keep-alive.",
        ),
    ),
];
