//! The terminal: taken over, drawn on, and given back, whatever happens; keys, and time that passes.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use handfast::{Clock, Instant};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::process::{Signal, getpid, kill_process};
use tokio::time::timeout;

use super::keys::{Key, Wish};
use super::render::render;
use super::theme::Theme;
use super::view::View;
use crate::failure::Failure;

/// The time between two pictures, when no key is pressed.
const TICK: Duration = Duration::from_millis(100);
/// How long a signal waits for the terminal to take what gives it back.
const RESTORE_MAX: Duration = Duration::from_secs(1);
/// Most keys that are taken before the next picture.
const KEYS_MAX: usize = 64;

/// Which of the two streams is the terminal that is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// The stream whose terminal is taken over now, as [`Stream::number`] has it; 0 for none.
static TAKEN: AtomicU8 = AtomicU8::new(0);
/// Who draws holds it, so that nothing is drawn any more when the terminal is given back.
static DRAWING: Mutex<()> = Mutex::new(());

impl Stream {
    const fn number(self) -> u8 {
        match self {
            Self::Output => 1,
            Self::Error => 2,
        }
    }

    /// Whether a view can be drawn there, and somebody press keys.
    pub(crate) fn can_show(self) -> bool {
        let is_terminal = match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        };
        is_terminal && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output => io::stdout().write(bytes),
            Self::Error => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output => io::stdout().flush(),
            Self::Error => io::stderr().flush(),
        }
    }
}

/// A terminal that is taken over; dropping it gives it back.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stream>>>,
    theme: Theme,
    clock: Clock,
}

impl Screen {
    /// Takes over the terminal of `stream`.
    ///
    /// # Errors
    /// When it cannot be switched to what a view needs; it is as it was then.
    pub(crate) fn take(stream: Stream, theme: Theme) -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        TAKEN.store(stream.number(), Ordering::SeqCst);
        // This screen is empty, so it need not be cleared, for which the terminal would be asked where
        // its cursor is: one that never answers costs seconds.
        let mut out = stream;
        let terminal = execute!(out, EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(stream))));
        match terminal {
            Ok(terminal) => Ok(Self {
                terminal,
                theme,
                clock: Clock::system(),
            }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// How many columns there are.
    pub(crate) fn width(&self) -> u16 {
        self.terminal.size().map_or(80, |size| size.width)
    }

    /// Shows the view and obeys keys, until the user has enough or `look` ends it by `false`. `look`
    /// is asked once in a tick, with the time of the system.
    pub(crate) fn run(
        &mut self,
        view: &mut View,
        mut look: impl FnMut(&mut View, Instant) -> Result<bool, Failure>,
    ) -> Result<Wish, Failure> {
        loop {
            let now = self.clock.now();
            if !look(view, now)? || !self.draw(view) {
                return Ok(Wish::Stay);
            }
            let next = now + TICK;
            loop {
                let left = next.duration_since(self.clock.now());
                match self.keys(view, left) {
                    Some(Wish::Stay) if !self.draw(view) => return Ok(Wish::Stay),
                    Some(Wish::Stay) => {}
                    Some(wish) => return Ok(wish),
                    None => break,
                }
            }
        }
    }

    /// Takes the keys that are pressed within `limit`; `None` when there was none. A terminal that
    /// has gone has no keys, and is left.
    fn keys(&self, view: &mut View, limit: Duration) -> Option<Wish> {
        if limit.is_zero() {
            return None;
        }
        let mut limit = limit;
        let mut seen = None;
        for _ in 0..KEYS_MAX {
            match event::poll(limit) {
                Ok(true) => {}
                Ok(false) => return seen,
                Err(_) => return Some(Wish::Quit),
            }
            limit = Duration::ZERO;
            let Ok(event) = event::read() else {
                return Some(Wish::Quit);
            };
            seen = Some(Wish::Stay);
            let wish = key_of(&event).map(|key| view.press(key));
            if let Some(wish @ (Wish::Quit | Wish::Interrupt)) = wish {
                return Some(wish);
            }
        }
        seen
    }

    /// Draws the view, unless the terminal was given back meanwhile; whether it could.
    fn draw(&mut self, view: &View) -> bool {
        let _drawing = drawing();
        let theme = self.theme;
        let is_taken = TAKEN.load(Ordering::SeqCst) > 0;
        is_taken
            && self
                .terminal
                .draw(|frame| render(view, theme, frame))
                .is_ok()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, if it is taken, once nobody draws on it.
fn restore() {
    let _drawing = drawing();
    give_back();
}

/// Gives the terminal back, if it is taken: the screen that was there before, the cursor, and lines
/// that are edited. What goes wrong goes wrong for a terminal that is no more.
fn give_back() {
    let mut stream = match TAKEN.swap(0, Ordering::SeqCst) {
        0 => return,
        1 => Stream::Output,
        _ => Stream::Error,
    };
    let _ = execute!(stream, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic while it was held has left nothing undone that the next holder relies on.
fn drawing() -> MutexGuard<'static, ()> {
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on panics give the terminal back first, so that their words can be read. Who panics may
/// be drawing, so nobody is waited for.
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

/// What signals do while a view may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// The process ends.
    End,
    /// Somebody else hears it, too, and ends the command in order.
    Leave,
}

/// From now on signals that end the process give the terminal back first. A process that cannot
/// hear them ends as it did before.
pub(crate) fn heed_signals(on_interrupt: OnInterrupt) {
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let _ = thread.spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let Ok(runtime) = builder.enable_io().enable_time().build() else {
            return;
        };
        if let Ok(code) = runtime.block_on(signal(on_interrupt)) {
            // A terminal that takes nothing more must not keep the process.
            let restoring = || tokio::task::spawn_blocking(restore);
            let _ = runtime.block_on(async { timeout(RESTORE_MAX, restoring()).await });
            std::process::exit(code);
        }
    });
}

/// The exit code of the first signal that ends the process.
async fn signal(on_interrupt: OnInterrupt) -> io::Result<i32> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut interrupted = match on_interrupt {
        OnInterrupt::End => Some(signal(SignalKind::interrupt())?),
        OnInterrupt::Leave => None,
    };
    let kind = std::future::poll_fn(|cx| {
        let mut ready = |signal: &mut tokio::signal::unix::Signal, number| {
            signal.poll_recv(cx).map(|_| 128 + number)
        };
        let first = ready(&mut terminated, 15);
        let second = ready(&mut hung_up, 1);
        let third = interrupted.as_mut().map(|signal| ready(signal, 2));
        let third = third.unwrap_or(std::task::Poll::Pending);
        [first, second, third]
            .into_iter()
            .find(std::task::Poll::is_ready)
            .unwrap_or(std::task::Poll::Pending)
    });
    Ok(kind.await)
}

/// Does what Ctrl-C does where keys are not taken over.
pub(crate) fn interrupt() {
    // It can always signal itself.
    let _ = kill_process(getpid(), Signal::INT);
}

fn key_of(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return None;
    };
    Some(match code {
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(_) if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            return None;
        }
        KeyCode::Char(char) => Key::Char(*char),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Tab => Key::Tab,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
