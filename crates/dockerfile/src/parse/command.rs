//! `RUN`, `CMD`, `ENTRYPOINT`, `SHELL`, and the instructions of one word or a few.

use super::copy::is_variable;
use super::flags::Takes;
use super::{Context, Parts, refused_trigger};
use crate::instruction::{CommandLine, Network, Run, Security};
use crate::lines::Piece;
use crate::mount::{Mount, MountError};
use crate::problem::Reason;
use crate::signal::check_signal;
use crate::source::Word;
use crate::suggest::nearest;
use crate::words::{self, Json};

impl Context<'_> {
    /// Reads a command in either form; an array of something else than strings is a problem.
    pub(super) fn command(&mut self, piece: Piece<'_>) -> Option<CommandLine> {
        match words::json(piece) {
            Json::Strings(words) => Some(CommandLine::Exec(words)),
            Json::None => Some(CommandLine::Shell(piece.word())),
            Json::Others => {
                self.report(piece.span(), Reason::JsonStrings);
                None
            }
        }
    }

    pub(super) fn command_line(&mut self, parts: &Parts<'_>, name: &'static str) -> Option<CommandLine> {
        self.no_flags(&parts.flags);
        if parts.rest.text().is_empty() {
            self.report(parts.place(), Reason::AtLeastOne(name));
            return None;
        }
        self.command(parts.rest)
    }

    pub(super) fn run(&mut self, parts: &mut Parts<'_>) -> Option<Run> {
        let known = [("mount", Takes::List), ("network", Takes::Text), ("security", Takes::Text), ("device", Takes::List)];
        let flags = self.flags(&parts.flags, &known);
        if let Some(device) = flags.list("device").first() {
            self.report(device.span, Reason::Device);
        }
        let mut mounts = Vec::new();
        for value in flags.list("mount") {
            match Mount::parse(&value.text, value.span) {
                Ok(mount) => mounts.push(mount),
                Err(error) => {
                    let suggestion = match &error {
                        MountError::UnknownKey { nearest, .. } | MountError::Type { nearest, .. } | MountError::Sharing { nearest, .. } => {
                            nearest.map(str::to_owned)
                        }
                        _ => None,
                    };
                    self.suggest(value.span, error.into(), suggestion);
                }
            }
        }
        let network = flags.text("network").map_or(Network::Default, |value| match value.text.as_str() {
            "default" | "" => Network::Default,
            "none" => Network::None,
            "host" => Network::Host,
            other => {
                let suggestion = nearest(other, ["default", "none", "host"]).map(str::to_owned);
                self.suggest(value.span, Reason::Network(value.text.clone()), suggestion);
                Network::Default
            }
        });
        let security = flags.text("security").map_or(Security::Sandbox, |value| match value.text.as_str() {
            "sandbox" | "" => Security::Sandbox,
            "insecure" => Security::Insecure,
            other => {
                let suggestion = nearest(other, ["sandbox", "insecure"]).map(str::to_owned);
                self.suggest(value.span, Reason::Security(value.text.clone()), suggestion);
                Security::Sandbox
            }
        });
        if parts.rest.text().is_empty() {
            self.report(parts.place(), Reason::AtLeastOne("RUN"));
            return None;
        }
        let command = self.command(parts.rest)?;
        Some(Run { command, heredocs: std::mem::take(&mut parts.heredocs), mounts, network, security })
    }

    pub(super) fn shell(&mut self, parts: &Parts<'_>) -> Option<Vec<Word>> {
        self.no_flags(&parts.flags);
        let reason = match self.command(parts.rest)? {
            CommandLine::Exec(words) if !words.is_empty() => return Some(words),
            CommandLine::Shell(text) if !text.text.is_empty() => Reason::ShellForm,
            _ => Reason::AtLeastOne("SHELL"),
        };
        self.report(parts.place(), reason);
        None
    }

    /// Reads the rest of the line as one word.
    pub(super) fn single(&mut self, parts: &Parts<'_>, name: &'static str) -> Option<Word> {
        self.no_flags(&parts.flags);
        if parts.rest.text().is_empty() {
            self.report(parts.place(), Reason::ExactlyOne(name));
            return None;
        }
        Some(parts.rest.word())
    }

    pub(super) fn stopsignal(&mut self, parts: &Parts<'_>) -> Option<Word> {
        let signal = self.single(parts, "STOPSIGNAL")?;
        if !is_variable(&signal.text)
            && let Err(error) = check_signal(&signal.text)
        {
            let suggestion = error.nearest();
            self.suggest(signal.span, Reason::Signal(error.text), suggestion);
        }
        Some(signal)
    }

    pub(super) fn expose(&mut self, parts: &Parts<'_>) -> Option<Vec<Word>> {
        self.no_flags(&parts.flags);
        let ports = words::blank_words(parts.rest);
        if ports.is_empty() {
            self.report(parts.place(), Reason::AtLeastOne("EXPOSE"));
            return None;
        }
        Some(ports)
    }

    pub(super) fn volume(&mut self, parts: &Parts<'_>) -> Option<Vec<Word>> {
        self.no_flags(&parts.flags);
        let volumes = match words::json(parts.rest) {
            Json::Strings(words) => words,
            Json::None => words::blank_words(parts.rest),
            Json::Others => {
                self.report(parts.rest.span(), Reason::JsonStrings);
                return None;
            }
        };
        if volumes.is_empty() {
            self.report(parts.place(), Reason::AtLeastOne("VOLUME"));
            return None;
        }
        if let Some(empty) = volumes.iter().find(|volume| volume.text.trim().is_empty()) {
            self.report(empty.span, Reason::EmptyVolume);
            return None;
        }
        Some(volumes.into_iter().map(|volume| Word::new(volume.text.trim(), volume.span)).collect())
    }

    /// Keeps the text of a trigger, with its heredocs behind it.
    pub(super) fn onbuild(&mut self, parts: &Parts<'_>) -> Option<Word> {
        self.no_flags(&parts.flags);
        let text = parts.rest.text();
        let name = text.split(char::is_whitespace).next().unwrap_or_default().to_lowercase();
        if name.is_empty() {
            self.report(parts.place(), Reason::AtLeastOne("ONBUILD"));
            return None;
        }
        if let Some(reason) = refused_trigger(&name) {
            self.report(parts.rest.span(), reason);
            return None;
        }
        let appended = parts.heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.word));
        Some(Word::new(std::iter::once(text.to_owned()).chain(appended).collect::<String>(), parts.rest.span()))
    }
}
