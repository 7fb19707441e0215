//! Where a rule stands: the number of an RFC and a section of it.

use core::fmt;

/// A section of an RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The number of the RFC.
    pub rfc: u16,
    /// The section, as in `3.8.6.1`; empty for the whole of it.
    pub section: &'static str,
}

impl Rule {
    /// Section `section` of RFC `rfc`.
    pub const fn new(rfc: u16, section: &'static str) -> Self {
        Self { rfc, section }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RFC {}", self.rfc)?;
        match self.section {
            "" => Ok(()),
            section => write!(f, " {section}"),
        }
    }
}
