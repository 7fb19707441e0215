//! What the lesson `handshake` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "SYN, SYN-ACK, ACK by hand, and how bytes are numbered",
    "SYN, SYN-ACK и ACK вручную, и как нумеруются байты",
);
pub(crate) const BREAKS: Words = words(
    "the third segment acknowledges a number that the server never sent",
    "третий сегмент подтверждает номер, которого сервер не посылал",
);
pub(crate) const STORY: Words = words(
    "Three segments open a connection: SYN tells our first number, SYN-ACK acknowledges it and tells \
     the server's, ACK acknowledges that. Our SYN has the number 4294967295, the last before numbers \
     start again at 0: so our first byte of data is number 0. Each segment is laid together from \
     layers, sent, and matched with its answer:\n\n\
     \x20   send_receive(Ethernet / Ipv4 / Tcp::new(20001, 7).seq(4294967295).syn(), ...)",
    "Соединение открывают три сегмента: SYN называет наш первый номер, SYN-ACK подтверждает его и \
     называет номер сервера, ACK подтверждает и его. Номер нашего SYN — 4294967295, последний перед \
     тем, как счёт снова пойдёт с 0, поэтому у нашего первого байта данных номер 0. Каждый сегмент \
     собирается из слоёв, отправляется и сопоставляется с ответом:\n\n\
     \x20   send_receive(Ethernet / Ipv4 / Tcp::new(20001, 7).seq(4294967295).syn(), ...)",
);
pub(crate) const STORY_LIE: Words = words(
    "The third segment is not a formality. The server chose its first number at random, and only \
     who got its SYN-ACK can acknowledge it: that is how it knows that we are where our address says. \
     We acknowledge a number that is 1,000 too high, as one must who forges an address and guesses.",
    "Третий сегмент — не формальность. Первый номер сервер выбрал случайно, и подтвердить его может \
     только тот, кто получил SYN-ACK: так сервер узнаёт, что мы действительно там, где указывает наш \
     адрес. Мы подтверждаем номер, завышенный на 1000, как пришлось бы тому, кто подделал адрес и \
     гадает.",
);
pub(crate) const VERDICT_LIE: Words = words(
    "The server's kernel answered with {resets} RST, and its application got {connections} \
     connections.",
    "Ядро сервера ответило RST ({resets}), а его приложению досталось соединений: {connections}.",
);
pub(crate) const BY_HAND: Words = words("the handshake by hand", "рукопожатие вручную");
pub(crate) const SEGMENTS: [Words; 3] = [
    words(
        "100 bytes: their first number, the ACK",
        "100 байт: номер первого, подтверждение",
    ),
    words(
        "200 bytes: their first number, the ACK",
        "200 байт: номер первого, подтверждение",
    ),
    words(
        "300 bytes: their first number, the ACK",
        "300 байт: номер первого, подтверждение",
    ),
];
pub(crate) const ANSWER: Words = words("the server's count", "подсчёт сервера");
pub(crate) const RESETS: Words = words("RSTs on the wire", "RST в сети");
pub(crate) const RESETS_OF_SERVER: Words = words("RSTs of the server", "RST сервера");
pub(crate) const READ: Words = words("bytes read by the server", "байт прочитано сервером");
pub(crate) const CONNECTIONS: Words = words(
    "connections that the server's application got",
    "соединений досталось приложению сервера",
);
pub(crate) const WRONG_NUMBERS: Words = words(
    "expected numbers 0, 100, 300 and ACKs 100, 300, 600; saw {first}; {second}; {third}",
    "ожидались номера 0, 100, 300 и подтверждения 100, 300, 600; было {first}; {second}; {third}",
);
pub(crate) const WRONG_COUNT: Words =
    words("the server answered: {answer}", "сервер ответил: {answer}");
pub(crate) const INTERFERED: Words = words("the host's kernel interfered", "вмешалось ядро хоста");
pub(crate) const NOT_REFUSED: Words = words(
    "expected a RST and no connection; {resets} RSTs, {connections} connections",
    "ожидались RST и отсутствие соединения; RST {resets}, соединений {connections}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Our SYN carried no byte. Why was it acknowledged with 0 and not with 4294967295?",
            "Наш SYN не нёс ни байта. Почему его подтвердили номером 0, а не 4294967295?",
        ),
        words(
            "SYN and FIN take a number of their own, so that they can be acknowledged and sent again like a \
             byte. An ACK names the number that is expected next: after 4294967295 that is 0, the first of our \
             bytes ({first}).",
            "SYN и FIN занимают собственный номер, чтобы их можно было подтвердить и повторить, как байт. \
             Подтверждение называет следующий ожидаемый номер: после 4294967295 это 0, номер нашего первого \
             байта ({first}).",
        ),
    ),
    question(
        words(
            "What does an ACK of 600 say about byte 250?",
            "Что говорит подтверждение 600 о байте 250?",
        ),
        words(
            "That it has arrived: an ACK covers everything before its number. The segments were 100, 200 and 300 \
             bytes long, and so the ACKs were the sums ({first}; {second}; {third}).",
            "Что он дошёл: подтверждение покрывает всё до своего номера. Сегменты были по 100, 200 и 300 байт, \
             поэтому подтверждения — их суммы ({first}; {second}; {third}).",
        ),
    ),
    question(
        words(
            "Why does nobody start with the number 0?",
            "Почему никто не начинает с номера 0?",
        ),
        words(
            "Who can guess the numbers can forge segments from any address. `handfast lab handshake --break` \
             shows what becomes of a wrong guess.",
            "Кто может угадать номера, может подделать сегменты с любого адреса. Что бывает с неверной \
             догадкой, показывает `handfast lab handshake --break`.",
        ),
    ),
];
