//! The picture of copies under way: a line for each blob that moves, and one for each place they go to.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use content::{Event, Placed, Share};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use oci::{Descriptor, Digest};

use super::lanes::Lanes;
use super::progress::named;
use super::{bytes, counted, visible};

/// Blobs that have a line; more at once would push what was said out of sight.
const SHOWN: usize = 8;
/// Numbers first: a narrow terminal cuts off what can be missed.
const TEMPLATE: &str = "{moved:>18}  {rate:>10}  {left:>10}  {wide_msg}";
/// How often a line is drawn, also where nothing happens: a stall is seen by its falling rate.
pub(super) const TICK: Duration = Duration::from_millis(150);

/// The picture. It is there while something is on its way.
pub struct Picture {
    screen: Screen,
    work: Mutex<HashMap<String, Work>>,
    lanes: Lanes,
}

/// Where the lines stand.
struct Screen {
    lines: MultiProgress,
    /// How often they are drawn by themselves.
    tick: Option<Duration>,
}

/// What is brought to one place.
struct Work {
    total: ProgressBar,
    waiting: HashMap<Digest, Waiting>,
    shown: usize,
    blobs: u64,
    present: u64,
    mounted: u64,
}

/// A blob that is not there yet.
#[derive(Default)]
struct Waiting {
    size: u64,
    owners: String,
    passed: u64,
    line: Option<ProgressBar>,
}

impl Picture {
    /// Draws on a terminal.
    pub fn on(target: ProgressDrawTarget) -> Self {
        Self::drawn(target, Some(TICK))
    }

    fn drawn(target: ProgressDrawTarget, tick: Option<Duration>) -> Self {
        Self { screen: Screen { lines: MultiProgress::with_draw_target(target), tick }, work: Mutex::default(), lanes: Lanes::default() }
    }

    /// Takes in what happened.
    pub fn take_in(&self, event: &Event) {
        let mut places = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { blobs, place } if !blobs.is_empty() => {
                places.entry(place.clone()).or_insert_with(|| Work::new(&self.screen)).plan(blobs, place);
            }
            Event::Passed { blob, bytes, place } => {
                if let Some(work) = places.get_mut(place) {
                    work.pass(&self.screen, blob, *bytes);
                }
            }
            Event::Blob { blob, placed, place } => {
                let Some(work) = places.get_mut(place) else { return };
                work.settle(&self.screen, blob, *placed, place);
                if work.waiting.is_empty() {
                    places.remove(place).inspect(|work| self.screen.remove(&work.total));
                }
            }
            _ => {}
        }
    }

    /// Shows that a step begins for a platform.
    pub fn begin(&self, platform: &str, step: &str) {
        self.lanes.begin(&self.screen.lines, platform, step);
    }

    /// Shows what a step has written.
    pub fn tail(&self, platform: &str, step: &str, text: &str) {
        self.lanes.tail(platform, step, text);
    }

    /// Shows that a step is done.
    pub fn done(&self, platform: &str, step: &str) {
        self.lanes.end(&self.screen.lines, platform, step);
    }

    /// Prints something while the picture is out of the way.
    pub fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        self.screen.lines.suspend(print)
    }

    /// Takes the picture away for good.
    pub fn end(&self) {
        self.lanes.clear(&self.screen.lines);
        for work in self.work.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, work)| work) {
            work.lines().for_each(|line| self.screen.remove(line));
        }
        self.screen.lines.set_draw_target(ProgressDrawTarget::hidden());
    }
}

impl Screen {
    /// Adds a line above another, or below all.
    fn add(&self, length: u64, above: Option<&ProgressBar>) -> ProgressBar {
        let line = row(length);
        let line = above.map_or_else(|| self.lines.add(line.clone()), |above| self.lines.insert_before(above, line.clone()));
        self.tick.inspect(|tick| line.enable_steady_tick(*tick));
        line
    }

    fn remove(&self, line: &ProgressBar) {
        line.finish_and_clear();
        self.lines.remove(line);
    }
}

impl Work {
    fn new(screen: &Screen) -> Self {
        Self { total: screen.add(0, None), waiting: HashMap::new(), shown: 0, blobs: 0, present: 0, mounted: 0 }
    }

    fn lines(&self) -> impl Iterator<Item = &ProgressBar> {
        self.waiting.values().filter_map(|waiting| waiting.line.as_ref()).chain([&self.total])
    }

    fn plan(&mut self, blobs: &[Share], place: &str) {
        for share in blobs {
            let size = share.blob.size;
            let waiting = Waiting { size, owners: named(&share.platforms), ..Waiting::default() };
            if self.waiting.insert(share.blob.digest.clone(), waiting).is_none() {
                self.blobs += 1;
                self.total.inc_length(size);
            }
        }
        self.sum_up(place);
    }

    fn pass(&mut self, screen: &Screen, blob: &Digest, bytes: u64) {
        let Some(waiting) = self.waiting.get_mut(blob) else { return };
        let bytes = bytes.min(waiting.size);
        move_on(&self.total, waiting.passed, bytes);
        waiting.passed = bytes;
        if waiting.line.is_none() && self.shown < SHOWN {
            let line = screen.add(waiting.size, Some(&self.total));
            line.set_message(visible(&format!("{}  {}", blob.short(), waiting.owners)).into_owned());
            waiting.line = Some(line);
            self.shown += 1;
        }
        if let Some(line) = &waiting.line {
            line.set_position(bytes);
        }
    }

    fn settle(&mut self, screen: &Screen, blob: &Descriptor, placed: Placed, place: &str) {
        let Some(waiting) = self.waiting.remove(&blob.digest) else { return };
        if let Some(line) = &waiting.line {
            screen.remove(line);
            self.shown -= 1;
        }
        match placed {
            Placed::Sent => move_on(&self.total, waiting.passed, waiting.size),
            // What need not travel is no part of the way.
            Placed::Present | Placed::Mounted => {
                move_on(&self.total, waiting.passed, 0);
                self.total.dec_length(waiting.size);
                *(if placed == Placed::Present { &mut self.present } else { &mut self.mounted }) += 1;
            }
        }
        self.sum_up(place);
    }

    fn sum_up(&self, place: &str) {
        let there = self.blobs - self.waiting.len() as u64;
        let mut text = format!("{place}: {there} of {}", counted(self.blobs, "blob"));
        for (count, what) in [(self.present, "there already"), (self.mounted, "mounted")] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        self.total.set_message(visible(&text).into_owned());
    }
}

fn move_on(line: &ProgressBar, from: u64, to: u64) {
    line.set_position(line.position().saturating_sub(from).saturating_add(to));
}

fn row(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style
        .with_key("moved", |state: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{} of {}", bytes(state.pos()), bytes(state.len().unwrap_or(0)));
        })
        .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            let _ = text.write_str(&rate(state.per_sec()));
        })
        .with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            let _ = text.write_str(&left(state.per_sec(), state.eta()));
        });
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()).with_style(style)
}

/// Writes bytes per second; nothing while nothing moves.
fn rate(per_second: f64) -> String {
    // Saturates; a person sees three digits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = per_second.round() as u64;
    if whole == 0 { String::new() } else { format!("{}/s", bytes(whole)) }
}

/// Writes how long it will take: `8 s left`, `2 m left`, `3 h left`; nothing where nobody knows.
fn left(per_second: f64, time: Duration) -> String {
    if per_second < 1.0 {
        return String::new();
    }
    match time.as_secs() {
        seconds @ ..100 => format!("{seconds} s left"),
        seconds @ 100..6_000 => format!("{} m left", seconds.div_ceil(60)),
        seconds => format!("{} h left", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike};
    use oci::MediaType;

    use super::*;

    const PLACE: &str = "ghcr.io/acme/api";

    /// A picture on a terminal in memory.
    fn picture(width: u16) -> (Picture, InMemoryTerm) {
        let terminal = InMemoryTerm::new(30, width);
        (Picture::drawn(ProgressDrawTarget::term_like(Box::new(terminal.clone())), None), terminal)
    }

    fn blobs(count: usize, size: u64) -> Vec<Share> {
        let blob = |number: usize| Descriptor { size, ..Descriptor::of(MediaType::OciLayerGzip, number.to_string().as_bytes()) };
        (0..count).map(|number| Share { blob: blob(number), platforms: vec!["linux/amd64".parse().unwrap()] }).collect()
    }

    fn planned(blobs: &[Share]) -> Event {
        Event::Planned { blobs: blobs.to_vec(), place: PLACE.to_owned() }
    }

    fn passed(share: &Share, bytes: u64) -> Event {
        Event::Passed { blob: share.blob.digest.clone(), bytes, place: PLACE.to_owned() }
    }

    fn placed(share: &Share, placed: Placed) -> Event {
        Event::Blob { blob: share.blob.clone(), placed, place: PLACE.to_owned() }
    }

    /// Returns the lines without rate and time left, which the clock decides.
    fn lines((picture, terminal): &(Picture, InMemoryTerm)) -> Vec<String> {
        picture.work.lock().unwrap().values().flat_map(Work::lines).for_each(ProgressBar::force_draw);
        let contents = terminal.contents();
        contents
            .lines()
            .map(|line| if line.len() < 44 { line.to_owned() } else { format!("{}|{}", &line[..18], line[44..].trim_end()) })
            .collect()
    }

    #[test]
    fn what_moves_has_a_line_and_what_is_skipped_is_counted() {
        let drawn = picture(120);
        let picture = &drawn.0;
        let blobs = blobs(4, 10_000_000);
        picture.take_in(&planned(&blobs));
        assert_eq!(lines(&drawn), ["    0 B of 40.0 MB|ghcr.io/acme/api: 0 of 4 blobs"]);
        picture.take_in(&placed(&blobs[0], Placed::Present));
        picture.take_in(&placed(&blobs[1], Placed::Mounted));
        picture.take_in(&passed(&blobs[2], 5_000_000));
        picture.take_in(&passed(&blobs[3], 1_000_000));
        // Sent again from its beginning.
        picture.take_in(&passed(&blobs[2], 2_500_000));
        let short = |index: usize| blobs[index].blob.digest.short();
        let expected = [
            format!("2.50 MB of 10.0 MB|{}  linux/amd64", short(2)),
            format!("1.00 MB of 10.0 MB|{}  linux/amd64", short(3)),
            "3.50 MB of 20.0 MB|ghcr.io/acme/api: 2 of 4 blobs, 1 there already, 1 mounted".to_owned(),
        ];
        assert_eq!(lines(&drawn), expected);
        picture.take_in(&placed(&blobs[2], Placed::Sent));
        let expected = [expected[1].clone(), "11.0 MB of 20.0 MB|ghcr.io/acme/api: 3 of 4 blobs, 1 there already, 1 mounted".to_owned()];
        assert_eq!(lines(&drawn), expected);
        picture.take_in(&placed(&blobs[3], Placed::Sent));
        assert_eq!(drawn.1.contents(), "");
    }

    #[test]
    fn a_hundred_blobs_at_once_have_eight_lines() {
        let drawn = picture(120);
        let picture = &drawn.0;
        let blobs = blobs(100, 1_000);
        picture.take_in(&planned(&blobs));
        blobs.iter().for_each(|blob| picture.take_in(&passed(blob, 500)));
        assert_eq!(lines(&drawn).len(), SHOWN + 1);
        assert_eq!(lines(&drawn)[SHOWN], "50.0 kB of 100 kB|ghcr.io/acme/api: 0 of 100 blobs".replace("50.0 kB", " 50.0 kB"));
        // The next takes the place of one that has come to its end.
        picture.take_in(&placed(&blobs[0], Placed::Sent));
        assert_eq!(lines(&drawn).len(), SHOWN);
        picture.take_in(&passed(&blobs[50], 600));
        assert_eq!(lines(&drawn).len(), SHOWN + 1);
    }

    #[test]
    fn what_is_said_meanwhile_stands_above_and_a_narrow_terminal_cuts() {
        let (picture, terminal) = picture(60);
        let blobs = blobs(1, 1_000);
        picture.take_in(&planned(&blobs));
        picture.aside(|| terminal.write_line("warning: something").unwrap());
        let contents = terminal.contents();
        let shown: Vec<&str> = contents.lines().collect();
        assert_eq!(shown[0], "warning: something");
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[1].ends_with("ghcr.io/acme/api"), "{shown:?}");
        picture.end();
        assert_eq!(terminal.contents(), "warning: something");
        picture.take_in(&planned(&blobs));
        picture.take_in(&passed(&blobs[0], 10));
        assert_eq!(terminal.contents(), "warning: something");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let (picture, terminal) = picture(120);
        let place = "evil\x1b[2J\nplace".to_owned();
        picture.take_in(&Event::Planned { blobs: blobs(1, 1), place });
        assert!(terminal.contents().contains("evil\\u{1b}[2J\\nplace"), "{}", terminal.contents());
    }

    #[test]
    fn rates_and_times_for_people() {
        assert_eq!([0.0, 0.2, 5_100_000.4].map(rate), ["", "", "5.10 MB/s"]);
        let times = [8, 99, 100, 5_999, 6_000, 86_400].map(|seconds| left(10.0, Duration::from_secs(seconds)));
        assert_eq!(times, ["8 s left", "99 s left", "2 m left", "100 m left", "2 h left", "24 h left"]);
        assert_eq!(left(0.0, Duration::from_secs(8)), "");
    }
}
