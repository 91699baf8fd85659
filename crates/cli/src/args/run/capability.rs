//! `--cap-add` and `--cap-drop`: what a program may do beyond what its user may.

use std::str::FromStr;

use dockerfile::nearest_name;
use sandbox::Capabilities;

use super::error::ProgramWordError;

/// The names, by the kernel's numbers (capabilities(7)).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// One capability, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilityWord(Capabilities);

impl CapabilityWord {
    /// Returns what is left when some are added to the usual ones and some dropped, as Docker has it.
    pub fn settle(added: &[Self], dropped: &[Self]) -> Capabilities {
        let all = Capabilities::ALL;
        let bits = |words: &[Self]| words.iter().fold(0, |bits, word| bits | word.0.bits());
        Capabilities::from_bits(if added.iter().any(|word| word.0 == all) {
            // Of two that say everything, the one that gives counts.
            all.bits() & !bits(&dropped.iter().copied().filter(|word| word.0 != all).collect::<Vec<_>>())
        } else if dropped.iter().any(|word| word.0 == all) {
            bits(added)
        } else {
            Capabilities::DEFAULT.bits() & !bits(dropped) | bits(added)
        })
    }
}

impl FromStr for CapabilityWord {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if name == "ALL" {
            return Ok(Self(Capabilities::ALL));
        }
        match NAMES.iter().position(|known| *known == name) {
            Some(number) => Ok(Self(Capabilities::from_bits(1 << number))),
            None => Err(ProgramWordError::Capability { text: text.to_owned(), nearest: nearest_name(name, NAMES) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    fn settled(added: &[&str], dropped: &[&str]) -> u64 {
        let read = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect::<Vec<CapabilityWord>>();
        CapabilityWord::settle(&read(added), &read(dropped)).bits()
    }

    #[test]
    fn some_are_added_and_some_dropped() {
        let usual = Capabilities::DEFAULT.bits();
        assert_eq!(settled(&[], &[]), usual);
        assert_eq!(settled(&["NET_ADMIN"], &[]), usual | 1 << 12);
        assert_eq!(settled(&["cap_sys_admin", "Sys_Ptrace"], &["CAP_CHOWN"]), (usual | 1 << 21 | 1 << 19) & !1);
        assert_eq!(settled(&["CHECKPOINT_RESTORE"], &["ALL"]), 1 << 40);
        assert_eq!(settled(&[], &["all"]), 0);
        assert_eq!(settled(&["ALL"], &["CHOWN"]), !1);
        assert_eq!(settled(&["ALL"], &["ALL"]), u64::MAX);
        assert_eq!(settled(&["CHOWN"], &["CHOWN"]), usual, "what is added counts");
    }

    #[test]
    fn another_name_is_none() {
        let error = "NET_ADMN".parse::<CapabilityWord>().unwrap_err();
        assert_eq!(error.hint().unwrap().to_string(), "did you mean NET_ADMIN");
        assert!("".parse::<CapabilityWord>().is_err());
    }
}
