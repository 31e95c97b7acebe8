//! What a rebuild varies that should not matter.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Dockerfile;

macro_rules! axes {
    ($($name:ident $word:literal $what:literal;)*) => {
        /// Something that differs between two machines, two people or two days, and that an image should not show.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Axis { $(#[doc = $what] $name,)* }

        impl Axis {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the command line and in records.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What is varied, in a few words.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

axes! {
    Time "time" "the time of the build, in another minute, and what chance decides";
    Path "path" "the path of the context, and with it where its absolute links lead";
    Mtimes "mtimes" "the times of the context's files, before and after SOURCE_DATE_EPOCH, all after it where it is 0";
    Umask "umask" "the umask with which the context was checked out";
    Hostname "hostname" "the name of the host that RUN sees";
    Cpus "cpus" "how many processors RUN may use";
    Order "order" "the order in which the file system lists directories";
    Engine "engine" "the engine: used before, or fresh with an empty data directory";
    Upstream "upstream" "the package index, in which newer releases have appeared";
    Timezone "timezone" "the time zone, by the argument TZ";
    Locale "locale" "the locale, by the arguments LANG and LC_ALL";
    Jobs "jobs" "how many jobs run side by side, by arguments such as MAKEFLAGS and MAX_JOBS";
}

impl Axis {
    /// The build arguments that carry it into a build. A RUN sees nothing of the client's environment, so these
    /// are the only way in; none for an axis that needs none.
    pub fn args(self) -> &'static [&'static str] {
        match self {
            Self::Timezone => &["TZ"],
            Self::Locale => &["LANG", "LC_ALL"],
            Self::Jobs => &["MAKEFLAGS", "MAX_JOBS", "CMAKE_BUILD_PARALLEL_LEVEL", "JOBS"],
            _ => &[],
        }
    }

    /// Those of its arguments that the Dockerfile `text` declares: another one never reaches a RUN.
    pub fn declared(self, text: &str) -> BTreeSet<&'static str> {
        let dockerfile = Dockerfile::parse(text);
        let declared = dockerfile.declared_args();
        self.args().iter().copied().filter(|name| declared.contains(*name)).collect()
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|axis| axis.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|axis| axis.as_str()).collect();
            format!("there is no axis `{text}`; there are: {}", all.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_called_alike_on_the_command_line_and_in_records() {
        for axis in Axis::ALL {
            assert_eq!(axis.as_str().parse(), Ok(*axis));
            assert_eq!(serde_json::to_string(axis).unwrap(), format!("\"{axis}\""));
        }
        assert!("clock".parse::<Axis>().unwrap_err().contains("time, path, mtimes"));
    }

    #[test]
    fn only_a_declared_argument_carries_an_axis() {
        let text = "ARG TZ\nFROM scratch\nARG LANG=C MAX_JOBS\nRUN true\n";
        assert!(Axis::Timezone.declared(text).is_empty(), "before the first FROM no RUN sees it");
        assert_eq!(Axis::Locale.declared(text), ["LANG"].into());
        assert_eq!(Axis::Jobs.declared(text), ["MAX_JOBS"].into());
        assert!(Axis::Path.declared(text).is_empty());
    }
}
