//! What the lesson `kernel-reset` says.

use super::{Question, Words, question, words};

pub(crate) const SUMMARY: Words = words(
    "with the host's own address, the host's kernel resets our connection",
    "с адреса самого хоста не выйдет: его ядро сбрасывает наше соединение",
);
pub(crate) const BREAKS: Words = words(
    "the socket that keeps the kernel quiet is closed in the middle of the connection",
    "сокет, из-за которого ядро молчало, закрывают посреди соединения",
);
pub(crate) const STORY_BORROW: Words = words(
    "We open a connection by hand from 192.168.0.11, the host's own address. The server's answer \
     reaches us and the host's kernel. The kernel knows of no such connection and says so with a RST, \
     long before we can send our ACK.",
    "Мы вручную открываем соединение с адреса 192.168.0.11 — адреса самого хоста. Ответ сервера \
     приходит и нам, и ядру хоста. Ядро о таком соединении не знает и сообщает об этом сегментом RST — \
     задолго до того, как мы успеем отправить своё подтверждение.",
);
pub(crate) const STORY_FILTER: Words = words(
    "The same with a filter: a routing rule throws away what the kernel sends from our port (`ip rule \
     add from 192.168.0.11 ipproto tcp sport 20002 blackhole`; a firewall rule that drops outgoing \
     RSTs does the same). The RST is made, and goes nowhere.",
    "То же с фильтром: правило маршрутизации выбрасывает то, что ядро отправляет с нашего порта (`ip \
     rule add from 192.168.0.11 ipproto tcp sport 20002 blackhole`; того же добивается правило \
     межсетевого экрана, отбрасывающее исходящие RST). RST создаётся и никуда не уходит.",
);
pub(crate) const STORY_HOLD: Words = words(
    "The same with a listening kernel socket on our port that discards everything: the kernel now \
     knows the port, and makes no RST in the first place.",
    "То же со слушающим сокетом ядра на нашем порту, который всё отбрасывает: теперь ядро порт знает и \
     RST вообще не создаёт.",
);
pub(crate) const VERDICT: Words = words(
    "Both take something from the host: privilege over its rules, or one of its ports, for each \
     connection. An address of our own takes nothing: see the lesson `claim`.",
    "То и другое что-то отнимает у хоста: право менять его правила или один из его портов — на каждое \
     соединение. Собственный адрес не отнимает ничего: см. урок `claim`.",
);
pub(crate) const STORY_BROKEN: Words = words(
    "A listening socket keeps the kernel quiet through the handshake. Then it is closed, as when a \
     helper crashes. The next segment of the server, the ACK of our request, finds a port that \
     nobody holds, and the kernel does what it always would have done.",
    "Во время рукопожатия ядро молчит благодаря слушающему сокету. Затем сокет закрывают, как если бы \
     вспомогательная программа упала. Следующий же сегмент сервера — подтверждение нашего запроса — \
     застаёт порт ничьим, и ядро делает то, что сделало бы с самого начала.",
);
pub(crate) const VERDICT_BROKEN: Words = words(
    "{quiet} RSTs while the port was held, {loud} after it was let go, and the server's connection was \
     reset.",
    "RST, пока порт держали: {quiet}; после того как отпустили: {loud}; соединение у сервера сброшено.",
);
pub(crate) const NO_RULES: Words = words(
    "This kernel refuses such a rule, so this part is left out.",
    "Это ядро такого правила не принимает, поэтому часть пропущена.",
);
pub(crate) const NOT_TRIED: Words = words("not tried", "не проверялось");
pub(crate) const BY_HAND: Words = words("a connection by hand", "соединение вручную");
pub(crate) const HOLDING: Words = words("holding a port", "занять порт");
pub(crate) const LETTING_GO: Words = words(
    "seeing the server reset after the port was let go",
    "дождаться сброса у сервера, когда порт отпущен",
);
pub(crate) const REFLEX: Words = words(
    "kernel's RST after the SYN-ACK",
    "RST ядра после SYN-ACK, через",
);
pub(crate) const MADE: Words = words(
    "RSTs made by the host's kernel (Tcp.OutRsts)",
    "RST создано ядром хоста (Tcp.OutRsts)",
);
pub(crate) const SENT: Words = words("RSTs of it on the wire", "из них в сети");
pub(crate) const FROM_SERVER: Words = words(
    "RSTs of the server to our late ACK and request",
    "RST сервера на наши запоздалые ACK и запрос",
);
pub(crate) const FILTERED: Words = words(
    "with the filter: RSTs made, RSTs on the wire",
    "с фильтром: RST создано, RST в сети",
);
pub(crate) const HELD: Words = words(
    "with the port held: RSTs made, RSTs on the wire",
    "с занятым портом: RST создано, RST в сети",
);
pub(crate) const QUIET: Words = words(
    "RSTs made while the port was held",
    "RST создано, пока порт держали",
);
pub(crate) const LOUD: Words = words(
    "RSTs made after it was let go",
    "RST создано после того, как отпустили",
);
pub(crate) const NO_RESET: Words = words(
    "expected RSTs of the host's kernel on the wire; {made} made, {sent} sent",
    "ожидались RST ядра хоста в сети; создано {made}, отправлено {sent}",
);
pub(crate) const NOT_A_REFLEX: Words = words(
    "the kernel's RST took {reflex}, expected microseconds",
    "RST ядра понадобилось {reflex}, ожидались микросекунды",
);
pub(crate) const STILL_CONNECTED: Words = words(
    "the server still had the connection after the kernel's RST",
    "у сервера соединение осталось и после RST ядра",
);
pub(crate) const NONE_TO_FILTER: Words = words(
    "the kernel made no RST to filter",
    "ядро не создало RST, фильтровать нечего",
);
pub(crate) const MADE_ALL_THE_SAME: Words = words(
    "the kernel made RSTs for a port that was held: {held}",
    "ядро создавало RST для занятого порта: {held}",
);
pub(crate) const NOT_SILENT: Words = words(
    "the kernel was to be silent, but RSTs were on the wire",
    "ядро должно было молчать, но RST в сети были",
);
pub(crate) const NO_PAGE: Words = words(
    "the kernel was silent, but the page did not come",
    "ядро молчало, но страница не пришла",
);
pub(crate) const NOT_BROKEN: Words = words(
    "expected RSTs only after the port was let go: {quiet} before, {loud} after",
    "RST ожидались только после того, как порт отпустят: до {quiet}, после {loud}",
);
pub(crate) const QUESTIONS: &[Question] = &[
    question(
        words(
            "Why does the kernel answer a segment that is meant for us?",
            "Почему ядро отвечает на сегмент, предназначенный нам?",
        ),
        words(
            "Nothing in the segment says so: it is addressed to the host, and a raw socket gets only a copy. \
             By RFC 9293 3.10.7.1 a segment for a connection that does not exist is answered with a RST; \
             here after {reflex}.",
            "По сегменту этого не видно: он адресован хосту, а сырой сокет получает лишь копию. По RFC 9293 \
             3.10.7.1 на сегмент несуществующего соединения отвечают RST; здесь — через {reflex}.",
        ),
    ),
    question(
        words(
            "How does the filter differ from the held port, though the page comes both times?",
            "Чем фильтр отличается от занятого порта, раз страница приходит в обоих случаях?",
        ),
        words(
            "By the counters: with the filter RSTs are made and thrown away ({filtered}: made, on the wire), \
             with the held port none is made ({held}).",
            "Счётчиками: с фильтром RST создаются и выбрасываются ({filtered}: создано, в сети), с занятым \
             портом не создаётся ни одного ({held}).",
        ),
    ),
];
