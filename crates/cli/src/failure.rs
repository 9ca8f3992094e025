//! What a command says when it could not do what it was asked, and the exit code it says it with.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

/// The exit codes, which scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// `plan preview --exit-code`. Not 2, which wrappers take for a mistake in the arguments.
    Changes = 3,
    NotAllowed = 4,
    /// By a safety rule: held, drifted, not in this state, records of another shift.
    Refused = 5,
    /// Reverted or cancelled while waiting.
    TakenBack = 6,
    TimedOut = 7,
    Conflict = 8,
    Unreachable = 9,
}

/// For `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  usage
  3  changes are present (plan preview --exit-code)
  4  not allowed
  5  refused by a safety rule
  6  reverted or cancelled while waiting
  7  timed out while waiting
  8  conflict: read again and decide again
  9  the daemon, or AWS, cannot be reached";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error for a person: what went wrong, why, and which command comes next.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    message: String,
    notes: Vec<String>,
    hints: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), notes: Vec::new(), hints: Vec::new(), source: None }
    }

    pub fn failed(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Failed, message)
    }

    /// Lines under the message, one for each thing that is wrong.
    pub fn notes(mut self, notes: impl IntoIterator<Item = impl Into<String>>) -> Failure {
        self.notes.extend(notes.into_iter().map(Into::into));
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// What there is to do about it, each in a sentence.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Failure {
        self.source = Some(Box::new(source));
        self
    }

    /// For an error whose own text is the message already.
    pub fn of(exit: Exit, error: impl Error + Send + Sync + 'static) -> Failure {
        Failure { message: error.to_string(), ..Failure::new(exit, "").because(error) }
    }

    /// Says it on standard error.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let mut stderr = io::stderr().lock();
            // Where nobody reads standard error, the exit code still speaks.
            let _ = write!(stderr, "{}", Report { failure: self, colour: colourful() });
        }
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A closed pipe is a reader who has seen enough; anything else is a failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::Done, "");
        }
        Failure::failed("the output could not be written").because(error)
    }
}

struct Report<'a> {
    failure: &'a Failure,
    colour: bool,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paint = |text: &str, code: u8| match self.colour {
            true => format!("\u{1b}[1;{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let (red, cyan) = (31, 36);
        writeln!(f, "{}: {}", paint("error", red), self.failure.message)?;
        let mut said = self.failure.message.clone();
        let mut cause = self.failure.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their source in their own text.
            if !said.contains(&text) {
                writeln!(f, "  caused by: {text}")?;
                said = text;
            }
            cause = error.source();
        }
        for note in &self.failure.notes {
            writeln!(f, "  {note}")?;
        }
        if !self.failure.hints.is_empty() {
            writeln!(f)?;
        }
        self.failure.hints.iter().try_for_each(|hint| writeln!(f, "{}: {hint}", paint("hint", cyan)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a failure is reported even where nothing has been read yet")]
fn colourful() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
