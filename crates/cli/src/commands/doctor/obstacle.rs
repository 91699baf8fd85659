//! Why this machine makes no namespaces. That it does not was found out by trying; what is read here only says whom to ask.

use std::fs;
use std::path::Path;

use sandbox::SandboxError;

use super::check::Check;

/// What a machine says of itself.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Whoever asks is root.
    pub is_root: bool,
    /// `user.max_user_namespaces`
    pub most: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, which Debian's older kernels have.
    pub may_clone: Option<bool>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, which Ubuntu has from 23.10 on.
    pub apparmor_restricts: bool,
    /// The AppArmor profile of this process, where it has one.
    pub profile: Option<String>,
    /// This process has a seccomp filter, as in a container.
    pub is_filtered: bool,
}

impl Machine {
    /// Reads it.
    pub fn look(is_root: bool) -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim_matches(['\0', '\n', ' ']).to_owned());
        let profile = read("/proc/self/attr/apparmor/current").or_else(|| read("/proc/self/attr/current"));
        Self {
            is_root,
            most: read("/proc/sys/user/max_user_namespaces").and_then(|text| text.parse().ok()),
            may_clone: read("/proc/sys/kernel/unprivileged_userns_clone").map(|text| text != "0"),
            apparmor_restricts: read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_some_and(|text| text == "1"),
            // One that confines nothing is written `NAME (unconfined)`.
            profile: profile.filter(|name| !name.is_empty() && !name.trim_end_matches(')').ends_with("unconfined")),
            is_filtered: read("/proc/self/status")
                .is_some_and(|text| text.lines().any(|line| line.starts_with("Seccomp:") && !line.ends_with('0'))),
        }
    }
}

/// Says why namespaces are not made, and what mends it. `program` is this program's own path.
pub fn namespaces(name: &'static str, problem: &SandboxError, machine: &Machine, program: &Path) -> Check {
    let number = if let SandboxError::Refused { cause, .. } = problem { cause.number() } else { 0 };
    let (why, mend) = reason(machine, FULL.contains(&number), program);
    let check = Check::missing(name, if why.is_empty() { problem.to_string() } else { format!("{why}: {problem}") });
    match mend {
        Some(mend) => check.mended_by(mend),
        None => check,
    }
}

/// `ENOSPC` and `EUSERS`: there are as many as there may be (user_namespaces(7), clone(2)).
const FULL: [i32; 2] = [28, 87];

fn reason(machine: &Machine, is_full: bool, program: &Path) -> (String, Option<String>) {
    let kept = |setting: &str| {
        Some(format!(
            "echo {setting} | sudo tee /etc/sysctl.d/90-user-namespaces.conf\nsudo sysctl -p /etc/sysctl.d/90-user-namespaces.conf"
        ))
    };
    if !machine.is_root && machine.most == Some(0) {
        return ("user.max_user_namespaces is 0".to_owned(), kept("user.max_user_namespaces=28633"));
    }
    if is_full {
        return (
            "there are as many namespaces as there may be".to_owned(),
            Some("sysctl user # shows how many of each there may be".to_owned()),
        );
    }
    if !machine.is_root && machine.may_clone == Some(false) {
        return ("kernel.unprivileged_userns_clone is 0".to_owned(), kept("kernel.unprivileged_userns_clone=1"));
    }
    if machine.is_filtered || machine.profile.is_some() {
        let rights = if machine.is_root { "--cap-add SYS_ADMIN --cap-add NET_ADMIN " } else { "" };
        let mend = format!(
            "docker run {rights}--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined ..."
        );
        let by = match &machine.profile {
            Some(profile) if !machine.is_filtered => format!("by the AppArmor profile {profile}"),
            _ => "by a seccomp filter".to_owned(),
        };
        return (format!("forbidden {by}, as in a container"), Some(mend));
    }
    if !machine.is_root && machine.apparmor_restricts {
        return ("AppArmor forbids user namespaces to programs without a profile".to_owned(), Some(profile(program)));
    }
    if machine.is_root {
        return ("root has not all its rights, as in a container".to_owned(), Some("docker run --privileged ...".to_owned()));
    }
    (String::new(), None)
}

/// Writes the commands that give this program an AppArmor profile: one that confines nothing, and allows user namespaces. It is
/// found by the path of the program.
fn profile(program: &Path) -> String {
    // Between quotes; what is left are the letters of patterns (apparmor.d(5), "Globbing").
    let path: String = program.display().to_string().chars().fold(String::new(), |mut path, letter| {
        if "\"\\*?[]{}^@".contains(letter) {
            path.push('\\');
        }
        path.push(letter);
        path
    });
    format!(
        "sudo tee /etc/apparmor.d/polyarch <<'END'\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         profile polyarch \"{path}\" flags=(unconfined) {{\n\
         \x20 userns,\n\
         }}\n\
         END\n\
         sudo apparmor_parser -r /etc/apparmor.d/polyarch"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::Limitation;

    fn said(machine: &Machine) -> (String, String) {
        said_of(machine, 1)
    }

    fn said_of(machine: &Machine, number: i32) -> (String, String) {
        let cause = std::io::Error::from_raw_os_error(number).into();
        let problem = SandboxError::Refused { limitation: Limitation::UserNamespace, cause };
        let check = namespaces("namespaces", &problem, machine, Path::new("/opt/my tools/polyarch"));
        assert_eq!(check.state, super::super::check::State::Missing);
        (check.found, check.mend.unwrap_or_default())
    }

    #[test]
    fn whoever_forbids_it_is_named() {
        let machine = Machine { most: Some(96_365), ..Machine::default() };
        let end = "making a user namespace failed: Operation not permitted (os error 1)";
        let filtered = Machine { is_filtered: true, apparmor_restricts: true, ..machine.clone() };
        let confined = Machine { profile: Some("docker-default (enforce)".to_owned()), ..machine.clone() };
        for (machine, why, mend) in [
            (Machine { most: Some(0), ..machine.clone() }, "user.max_user_namespaces is 0: ", "user.max_user_namespaces=28633"),
            (
                Machine { may_clone: Some(false), ..machine.clone() },
                "kernel.unprivileged_userns_clone is 0: ",
                "unprivileged_userns_clone=1",
            ),
            (filtered.clone(), "forbidden by a seccomp filter, as in a container: ", "docker run --security-opt seccomp=unconfined"),
            (
                Machine { is_root: true, ..filtered },
                "forbidden by a seccomp filter, as in a container: ",
                "docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN",
            ),
            (confined, "forbidden by the AppArmor profile docker-default (enforce), as in a container: ", "apparmor=unconfined"),
            (
                Machine { apparmor_restricts: true, ..machine.clone() },
                "AppArmor forbids user namespaces to programs without a profile: ",
                "userns,",
            ),
            (Machine { is_root: true, ..machine.clone() }, "root has not all its rights, as in a container: ", "--privileged"),
            (
                Machine { is_root: true, most: Some(0), may_clone: Some(false), ..machine.clone() },
                "root has not all its rights",
                "--privileged",
            ),
            (machine, "making a user namespace failed", ""),
        ] {
            let (found, commands) = said(&machine);
            assert!(found.starts_with(why) && found.ends_with(end), "{machine:?}: {found}");
            assert!(commands.contains(mend) && commands.is_empty() == mend.is_empty(), "{machine:?}: {commands}");
        }
    }

    #[test]
    fn a_limit_that_is_reached_is_said() {
        let (found, commands) = said_of(&Machine { most: Some(10), is_filtered: true, ..Machine::default() }, 28);
        assert!(found.starts_with("there are as many namespaces as there may be: making a user namespace failed"), "{found}");
        assert!(commands.starts_with("sysctl user"), "{commands}");
    }

    #[test]
    fn the_profile_is_for_this_very_program() {
        let (_, commands) = said(&Machine { apparmor_restricts: true, ..Machine::default() });
        assert_eq!(
            commands,
            "sudo tee /etc/apparmor.d/polyarch <<'END'\nabi <abi/4.0>,\ninclude <tunables/global>\n\
             profile polyarch \"/opt/my tools/polyarch\" flags=(unconfined) {\n  userns,\n}\nEND\n\
             sudo apparmor_parser -r /etc/apparmor.d/polyarch"
        );
        assert!(profile(Path::new("/a[1]/b{c}\"")).contains(r#"polyarch "/a\[1\]/b\{c\}\"" flags"#));
    }
}
