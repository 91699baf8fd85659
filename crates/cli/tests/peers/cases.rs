//! Dockerfiles without `RUN`, and the folders that they take files from.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use layer::tar::{Entry, Writer};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::image::Image;
use crate::program::Home;

/// A Dockerfile, what stands in the `.dockerignore` beside it, and the folder that it is built in: `context`, or `ignoring`,
/// which has a `.dockerignore` of its own.
pub struct Case {
    pub name: &'static str,
    pub dockerfile: &'static str,
    pub ignore: Option<&'static str>,
    pub context: &'static str,
}

const fn case(name: &'static str, dockerfile: &'static str) -> Case {
    Case { name, dockerfile, ignore: None, context: "context" }
}

/// All that is left of the context, and what comes of it by name.
const fn ignoring(name: &'static str, ignore: &'static str) -> Case {
    Case { name, dockerfile: "FROM scratch\nCOPY . /all/\nCOPY tre* /tree/\n", ignore: Some(ignore), context: "context" }
}

/// A difference that is known.
pub struct Known {
    case: &'static str,
    /// How it begins.
    start: &'static str,
    /// What is done here.
    #[allow(dead_code, reason = "for whoever reads it")]
    here: &'static str,
}

pub const fn known(case: &'static str, start: &'static str, here: &'static str) -> Known {
    Known { case, start, here }
}

/// Refuses differences, each with its case before it, that nobody knows.
pub fn only_known(found: &[String], known: &[Known]) {
    let is_known = |difference: &&String| known.iter().any(|known| difference.starts_with(&format!("{}: {}", known.case, known.start)));
    let unknown: Vec<&String> = found.iter().filter(|difference| !is_known(difference)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// What no builder builds.
pub const REFUSED: &[&str] = &[
    "FROM scratch\nCOPY missing /x\n",
    "FROM scratch\nCOPY a.txt missing /x/\n",
    "FROM scratch\nCOPY a.txt/ /x/\nCOPY a.txt/below /x/\n",
    "FROM peers/base:1\nCOPY tree /usr/program\n",
    "FROM peers/base:1\nCOPY a.txt /usr/program/\n",
    "FROM peers/base:1\nCOPY a.txt /usr/program/below\n",
    "FROM peers/base:1\nWORKDIR /usr/program/below\n",
    "FROM peers/base:1\nADD files.tar /usr/program\n",
    "FROM scratch\nCOPY a.txt /x/part\nCOPY tree /x\n",
    "FROM scratch\nCOPY tree /x\nCOPY tree/part /y/single\nCOPY tree /y\n",
    "FROM scratch\nCOPY tree /x\nCOPY --from=1 /x /y\n",
    "FROM scratch AS one\nFROM scratch\nCOPY --from=one /missing /y\n",
    "FROM scratch\nSTOPSIGNAL nothing\n",
    "FROM scratch\nEXPOSE many\n",
    "FROM scratch\nCOPY links/nowhere /x\n",
];

/// The base of these Dockerfiles, as every builder knows it.
pub const BASE: &str = "peers/base:1";

/// What BuildKit 0.8 (Docker 20.10) and buildah 1.28 can build too.
pub const CASES: &[Case] = &[
    case("files", "FROM scratch\nCOPY a.txt /a\nCOPY a.txt b.txt /both/\nCOPY tree /new\nCOPY tree/ /with/parents/\nCOPY . /all/\n"),
    case("modes", "FROM scratch\nCOPY program /bin/\nCOPY sticky /sticky/\nCOPY sticky/inside /inside\nCOPY closed /closed\n"),
    case("links", "FROM scratch\nCOPY links /links\nCOPY links/to-file /followed\nCOPY links/to-folder /folder\nCOPY twins /twins/\n"),
    case("wildcards", "FROM scratch\nCOPY *.txt /t/\nCOPY tre? /tree/\nCOPY tree/[ps]* /some/\nCOPY tree/*/deep /deep\n"),
    case("chmod", "FROM scratch\nCOPY --chmod=640 a.txt /a\nCOPY --chmod=4711 program /bin/program\nCOPY --chmod=700 tree /tree\n"),
    case(
        "owners",
        "FROM peers/base:1\nCOPY --chown=lp a.txt /name\nCOPY --chown=lp:adm a.txt /both\nCOPY --chown=5 a.txt /number\n\
         COPY --chown=5:6 tree /numbers/tree/\nCOPY --chown=:adm a.txt /group\nUSER lp\nCOPY a.txt /user\n",
    ),
    case(
        "stages",
        "FROM scratch AS one\nCOPY --chown=5:6 --chmod=600 a.txt /d/a\nCOPY links /d/links\nFROM one AS two\nCOPY twins /d/twins\n\
         FROM peers/base:1\nCOPY --from=two /d /e\nCOPY --from=1 /d/twins/one /f/\nCOPY --from=peers/base:1 /usr/lib/library /lib/copy\n\
         COPY --from=one /d/links/to-file /file\n",
    ),
    case("archives", "FROM scratch\nADD files.tar /x/\nADD files.tar.gz /y\nADD no.tar /no/\nADD tree /tree\nCOPY files.tar /tar\n"),
    case("owned-archive", "FROM scratch\nADD --chown=5:6 files.tar /x/\n"),
    case(
        "folders",
        "FROM peers/base:1\nWORKDIR /app\nCOPY tree .\nWORKDIR sub/deep\nCOPY a.txt b/\nWORKDIR /srv\nWORKDIR /app/\nCOPY b.txt .\n",
    ),
    case("owned-folder", "FROM peers/base:1\nUSER lp\nWORKDIR /home/lp\nWORKDIR more\nUSER 5:6\nWORKDIR /five\n"),
    case("merged", "FROM peers/base:1\nCOPY a.txt /lib/new\nCOPY tree /lib\nCOPY closed /srv\nCOPY b.txt /etc/passwd\nWORKDIR /lib/deep\n"),
    case("through-links", "FROM peers/base:1\nCOPY a.txt /current/\nCOPY tree /current/tree/\nCOPY b.txt /lib/library\n"),
    Case { name: "ignored", dockerfile: "FROM scratch\nCOPY . /all/\nCOPY keep /keep\nCOPY * /star/\n", ignore: None, context: "ignoring" },
    ignoring("all-but", "*\n!tree/part\n!*.txt\n!links/folder\n"),
    ignoring("deep", "**/deep\n!tree/part/deep\ntree/other\n!sticky\nsticky/*/file\nlinks/**\n!links/f*\n"),
    ignoring(
        "odd",
        "  a.txt  \n/b.txt\n./program\n../closed\n #no comment\n[n]o.tar\nt?ee/single/\n\n!\\!x\nwith space\nsticky/../closed\nfiles.t*\n",
    ),
    Case { name: "nothing-left", dockerfile: "FROM scratch\nCOPY . /all/\n", ignore: Some("**\n"), context: "context" },
    case(
        "settings",
        "ARG VERSION=1\nFROM peers/base:1\nARG VERSION\nARG PLAIN=\"a b\"\nENV ONE=1 TWO=\"two words\"\nENV THREE three $ONE\n\
         LABEL version=$VERSION name=\"a name\"\nEXPOSE 80 8080/udp 90-92\nVOLUME /data /more\nVOLUME [\"/json\"]\nUSER lp\n\
         HEALTHCHECK --interval=5s --retries=3 CMD test -f /x\nSTOPSIGNAL SIGINT\nSHELL [\"/bin/other\", \"-c\"]\n\
         MAINTAINER somebody\nONBUILD COPY . /x\nENTRYPOINT start --now\nCMD [\"a\", \"b c\"]\n",
    ),
    case("inherited", "FROM peers/base:1\nENTRYPOINT [\"/program\"]\nENV PATH=/bin BASE=other\nLABEL base=no\n"),
    case(
        "words",
        "# escape=`\nARG WHERE=there\nFROM scratch\nARG WHERE\nARG OTHER=${WHERE:-no}/${NOT_SET:-else}\nENV TO=/to/$OTHER KEPT='$TO' JOINED=a\\b\n\
         COPY [\"with space\", \"a.txt\", \"$TO/\"]\nCOPY --chown=${UID:-3} b.txt `\n  ${TO}/${WHERE:+set}\nWORKDIR $TO/$WHERE\nWORKDIR ..\n\
         COPY a.txt b.txt ./\nENV OTHER=later\nLABEL other=$OTHER \"a key\"='a value' double=\"$TO\"\nUSER ${WHERE}\n",
    ),
    case(
        "again",
        "FROM scratch\nCOPY a.txt /x\nCOPY b.txt /x\nCOPY tree /tree\nCOPY tree /tree\nCOPY a.txt b.txt /tree/\nCOPY links /tree\nCOPY twins /\n\
         COPY twins/one /two\n",
    ),
    case(
        "onto-links",
        "FROM peers/base:1\nCOPY a.txt /opt/file\nCOPY b.txt /opt/nowhere\nCOPY tree /opt/out\nCOPY a.txt /opt/out/../beside\n\
         COPY links /opt/current/\nCOPY twins /opt/current/folder\nWORKDIR /opt/current/made\nWORKDIR /opt/out\nCOPY a.txt .\n",
    ),
    case(
        "of-links",
        "FROM peers/base:1 AS one\nCOPY links /links\nFROM scratch\nCOPY --from=one /opt/current /a\nCOPY --from=one /current/file /b\n\
         COPY --from=one /opt/out/file /c\nCOPY --from=one /lib/* /d/\nCOPY --from=one /opt/cur* /opt/f* /e/\nCOPY --from=one /links/t* /f/\n\
         COPY --from=one /links/folder/up /g\nCOPY --from=one opt /h/\nCOPY --from=one /srv /i\nCOPY --from=one / /j/\n",
    ),
    case(
        "onto-files",
        "FROM peers/base:1\nADD rooted.tar /\nADD rooted.tar /opt/current\nCOPY --chown=1:2 tree /srv\nCOPY sticky /tmp\n\
         COPY closed/ /usr/lib/.\nCOPY a.txt /usr/lib/..\nCOPY a.txt /usr//lib/./x\n",
    ),
    case("triggered", "FROM peers/base:1 AS trigger\nONBUILD COPY a.txt /first\nONBUILD ENV BY=trigger\nFROM trigger\nENV AFTER=$BY\n"),
    case("unchanged", "FROM peers/base:1\n"),
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nlp:x:4:7:lp:/var/spool/lpd:/bin/false\n";
const GROUP: &str = "root:x:0:\nadm:x:9:\nlp:x:7:\n";

/// A Dockerfile of the base: `lib` is a link, and folders have owners and modes.
const BASE_FILE: &str = "FROM scratch\nADD root.tar /\nENV BASE=1\nLABEL base=yes\nCMD [\"of\", \"base\"]\n";

/// Makes a home with the contexts, the Dockerfiles, and the base in its store.
pub fn home(platforms: &str) -> Home {
    let home = Home::new();
    fill(&home.path().join("context"));
    fill_ignoring(&home.path().join("ignoring"));
    let mut seconds = 1_600_000_000;
    for folder in ["context", "ignoring"] {
        date(&home.path().join(folder), &mut seconds);
    }
    for case in CASES {
        fs::write(home.path().join(case.name), case.dockerfile).unwrap();
        if let Some(rules) = case.ignore {
            fs::write(home.path().join(case.ignore_file()), rules).unwrap();
        }
    }
    fs::create_dir(home.path().join("base")).unwrap();
    fs::write(home.path().join("base/Dockerfile"), BASE_FILE).unwrap();
    fs::write(home.path().join("base/root.tar"), root()).unwrap();
    home.done(&["build", "--platform", platforms, "-t", BASE, "base"]);
    home
}

impl Case {
    pub fn ignore_file(&self) -> String {
        format!("{}.dockerignore", self.name)
    }

    /// Builds it for this machine.
    pub fn build(&self, home: &Home) -> Image {
        let name = format!("ours:{}", self.name);
        home.done(&["build", "--platform", "local", "-t", &name, "-f", self.name, self.context]);
        Image::open(home, &format!("store:{name}"))
    }
}

fn write(folder: &Path, path: &str, text: &str, mode: u32) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
}

/// Gives everything below a folder a time of its own. Of what stands behind the second buildah makes the nearest one, and BuildKit
/// the one before.
fn date(folder: &Path, seconds: &mut i64) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            date(&path, seconds);
        }
        *seconds += 1000;
        let time = Timespec { tv_sec: *seconds, tv_nsec: 250_000_000 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

fn fill(folder: &Path) {
    for (path, text, mode) in [
        ("a.txt", "a", 0o644),
        ("b.txt", "b", 0o600),
        ("program", "#!/bin/sh\n", 0o4755),
        ("tree/part/deep", "deep", 0o644),
        ("tree/other/deep", "other", 0o640),
        ("tree/single", "single", 0o666),
        ("sticky/inside/file", "", 0o644),
        ("closed/file", "closed", 0o400),
        ("links/file", "linked", 0o644),
        ("links/folder/file", "below", 0o644),
        ("twins/one", "twin", 0o644),
        ("with space", "space", 0o644),
        ("no.tar", "this is no tar", 0o644),
    ] {
        write(folder, path, text, mode);
    }
    for (path, mode) in [("sticky/inside", 0o1777), ("closed", 0o700), ("tree/part", 0o750)] {
        fs::set_permissions(folder.join(path), Permissions::from_mode(mode)).unwrap();
    }
    for (path, target) in
        [("to-file", "file"), ("to-folder", "folder"), ("nowhere", "/no/where"), ("folder/up", "../file"), ("absolute", "/links/file")]
    {
        symlink(target, folder.join("links").join(path)).unwrap();
    }
    fs::hard_link(folder.join("twins/one"), folder.join("twins/two")).unwrap();
    if testkit::is_root() {
        // Whose file it is here is nothing to the image.
        chown(folder.join("a.txt"), Some(5), Some(6)).unwrap();
    }
    let tar = archive();
    fs::write(folder.join("files.tar"), &tar).unwrap();
    fs::write(folder.join("rooted.tar"), rooted()).unwrap();
    let mut zipped = Vec::new();
    layer::gzip(&tar[..], &mut zipped).unwrap();
    fs::write(folder.join("files.tar.gz"), zipped).unwrap();
}

fn fill_ignoring(folder: &Path) {
    for path in ["keep/yes", "keep/no.log", "keep/deep/no.log", "keep/deep/yes", "drop/file", "drop/but/this", "top", "top.log", "x/y/z"] {
        write(folder, path, path, 0o644);
    }
    let rules = "# what is not sent\n**/*.log\ndrop\n!drop/but\n/top*\n!keep/deep/no.log\nx/*/z\n.dockerignore\n";
    fs::write(folder.join(".dockerignore"), rules).unwrap();
}

/// An archive with owners, modes, and every kind of link.
fn archive() -> Vec<u8> {
    written(&[
        (Entry::directory("in").mode(0o750).owner(1, 2), ""),
        (Entry::file("in/file", 2).mode(0o4755).owner(3, 4), "in"),
        (Entry::symlink("in/link", "../file"), ""),
        (Entry::hardlink("in/same", "in/file").mode(0o4755).owner(3, 4), ""),
        (Entry::file("no-folder/file", 1), "x"),
        (
            Entry::file("in/file-of-a-name-that-no-header-holds-as-it-has-more-than-a-hundred-letters-in-its-last-part-alone-you-see", 1),
            "y",
        ),
    ])
}

/// An archive that is made to be laid over the base.
fn rooted() -> Vec<u8> {
    written(&[
        (Entry::file("lib/through", 1), "a"),
        (Entry::directory("srv").mode(0o711).owner(4, 4), ""),
        (Entry::directory("opt/current").mode(0o700), ""),
        (Entry::file("opt/current/file", 1).owner(2, 2), "b"),
        (Entry::symlink("usr/lib/library", "other"), ""),
        (Entry::file("opt/nowhere", 1), "c"),
        (Entry::hardlink("opt/more", "opt/nowhere"), ""),
    ])
}

/// The root of the base.
fn root() -> Vec<u8> {
    written(&[
        (Entry::directory("etc"), ""),
        (Entry::file("etc/group", GROUP.len() as u64), GROUP),
        (Entry::file("etc/passwd", PASSWD.len() as u64), PASSWD),
        (Entry::symlink("lib", "usr/lib"), ""),
        (Entry::directory("opt"), ""),
        (Entry::directory("opt/v1"), ""),
        (Entry::file("opt/v1/file", 3), "one"),
        (Entry::symlink("opt/current", "v1"), ""),
        (Entry::symlink("opt/file", "v1/file"), ""),
        (Entry::symlink("opt/nowhere", "v2/none"), ""),
        (Entry::symlink("opt/out", "../../../srv"), ""),
        (Entry::symlink("current", "/opt/current"), ""),
        (Entry::directory("srv").mode(0o2770).owner(7, 8), ""),
        (Entry::file("srv/file", 3).owner(7, 8), "old"),
        (Entry::directory("tmp").mode(0o1777), ""),
        (Entry::directory("usr"), ""),
        (Entry::directory("usr/lib"), ""),
        (Entry::file("usr/lib/library", 7).mode(0o755), "library"),
        (Entry::hardlink("usr/lib/same", "usr/lib/library").mode(0o755), ""),
        (Entry::file("usr/program", 0).mode(0o6755).owner(0, 5), ""),
    ])
}

fn written(entries: &[(Entry, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.append_bytes(&entry.clone().mtime(1_600_000_000), content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}
