//! The check for architectures that are written into a file: what it finds, and the many things that it has to let pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use dockerfile::lint::{self, Rule, Surroundings};
use dockerfile::{Source, automatic_arguments, parse};
use oci::Platform;

fn surroundings() -> Surroundings {
    let platform = Platform::new("linux", "amd64", None);
    Surroundings { automatic: automatic_arguments(&platform, &platform, None), ..Surroundings::default() }
}

fn found_in(text: &str, surroundings: &Surroundings) -> Vec<String> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let warnings = lint::check(&file, surroundings, &file.directives.check);
    let own = warnings.into_iter().filter(|warning| warning.rule == Rule::HardcodedArchitecture);
    own.map(|warning| format!("{}: {}", warning.line, warning.message)).collect()
}

fn found(text: &str) -> Vec<String> {
    found_in(text, &surroundings())
}

#[test]
fn what_is_compiled_for_one_architecture() {
    let said = |line: usize, value: &str| {
        format!(
            "{line}: GOARCH={value} compiles for one architecture whatever the platform is: declare ARG TARGETARCH and write GOARCH=$TARGETARCH"
        )
    };
    for (text, value) in [
        ("FROM golang\nENV GOOS=linux GOARCH=amd64\n", "amd64"),
        ("FROM golang\nENV GOARCH arm64\n", "arm64"),
        ("FROM golang\nRUN CGO_ENABLED=0 GOARCH=amd64 go build -o /app\n", "amd64"),
        ("FROM golang\nRUN export GOARCH=386 && go build\n", "386"),
        ("FROM golang\nRUN <<EOF\nenv GOARCH=amd64 go build\nEOF\n", "amd64"),
        ("FROM --platform=$BUILDPLATFORM golang\nRUN [\"env\", \"GOARCH=amd64\", \"go\", \"build\"]\n", "amd64"),
    ] {
        assert_eq!(found(text), [said(2, value)], "{text}");
    }
    for text in [
        "FROM golang\nARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build\n",
        "FROM golang\nARG GOARCH=amd64\nRUN go build\n",
        "FROM golang\nRUN GOARCH=amd64 go build -o a && GOARCH=arm64 go build -o b\n",
        "FROM golang\nENV GOARCH=$TARGETARCH\n",
        "FROM golang\nENV GOARCH=\n",
        "FROM golang\nRUN if [ \"$(uname -m)\" = x86_64 ]; then GOARCH=amd64 go build; fi\n",
        "FROM golang\nENV MYGOARCH=amd64\nRUN echo GOARCH=wasm\n",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
}

#[test]
fn what_is_downloaded_for_one_architecture() {
    for (text, file, written) in [
        ("RUN curl -fsSLo /bin/jq https://example.com/jq/1.7/jq-linux-amd64 && chmod +x /bin/jq", "jq-linux-amd64", "amd64"),
        ("RUN curl -LO \"https://example.com/$(curl -Ls https://example.com/stable.txt)/bin/linux/amd64/kubectl\"", "kubectl", "amd64"),
        ("RUN wget -q https://example.com/kubectl/v1.30/bin/linux/arm64/kubectl", "kubectl", "arm64"),
        ("RUN URL=https://example.com/node-v20-linux-x64.tar.xz; curl -O $URL", "node-v20-linux-x64.tar.xz", "linux-x64"),
        ("RUN set -eux; \\\n  wget -O x.deb \"https://example.com/x_1.0_amd64.deb?raw=1\"; dpkg -i x.deb", "x_1.0_amd64.deb", "amd64"),
        ("RUN <<EOF\ncurl -L $BASE/tool_linux_amd64.tar.gz | tar xz\nEOF", "tool_linux_amd64.tar.gz", "amd64"),
        ("ADD https://example.com/tini-amd64 /tini", "tini-amd64", "amd64"),
        (
            "ADD --checksum=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa https://example.com/x/s390x/x /x",
            "x",
            "s390x",
        ),
    ] {
        let said =
            format!("2: The download of {file} is for {written} whatever the platform is: declare ARG TARGETARCH and write $TARGETARCH");
        assert_eq!(found(&format!("FROM x\n{text}\n")), [said], "{text}");
    }
    let uname = "2: The download of Miniconda3-Linux-x86_64.sh is for x86_64 whatever the platform is: choose by $TARGETARCH, or declare ARG TARGETUNAME and write $TARGETUNAME";
    assert_eq!(found("FROM x\nRUN curl -O https://example.com/Miniconda3-Linux-x86_64.sh\n"), [uname]);
    let builder = "2: The download of tool-amd64 is for amd64 whatever the platform is: declare ARG TARGETARCH and write $TARGETARCH; for a tool that this stage runs it is $BUILDARCH";
    assert_eq!(found("FROM --platform=$BUILDPLATFORM x\nRUN curl -O https://example.com/tool-amd64\n"), [builder]);
}

#[test]
fn whoever_chooses_is_left_alone() {
    for text in [
        // By an argument, by the machine, by the package manager.
        "ARG TARGETARCH\nRUN curl -O https://example.com/tool-$TARGETARCH",
        "RUN curl -O https://example.com/tool-$(uname -m)",
        "RUN case \"$TARGETARCH\" in amd64) curl -O https://example.com/tool-x86_64 ;; esac",
        "RUN case \"$(uname -m)\" in x86_64) u=https://example.com/tool-amd64 ;; *) exit 1 ;; esac; curl -O $u",
        "RUN case \"$(dpkg --print-architecture)\" in amd64) curl -O https://example.com/x86_64/tool ;; esac",
        "RUN [ \"$ARCH\" != x86_64 ] || wget https://example.com/tool-x86_64",
        "RUN curl -O https://example.com/amd64/tool && curl -O https://example.com/arm64/tool",
        "RUN a=https://example.com/tool-x86_64 b=https://example.com/tool-aarch64; sh choose $a $b; curl x",
        "ADD https://example.com/tool-amd64 https://example.com/tool-arm64 /tools/",
        "ADD https://example.com/$TARGETARCH/amd64 /x",
        // No download, or not of such a name.
        "RUN apt-get install -y gcc-x86-64-linux-gnu",
        "RUN git clone https://github.com/example/amd64-notes",
        "RUN echo \"deb [arch=amd64] https://example.com/debian stable main\" > /etc/apt/sources.list && apt-get update",
        "RUN curl -o /usr/local/bin/tool-amd64 https://example.com/tool",
        "RUN curl -O https://amd64.example.com/tool",
        "RUN curl -O https://example.com/el9/x86_64/tool-1.0.noarch.rpm",
        "RUN curl -O https://example.com/charm64 && curl -O https://example.com/camd64x",
        "COPY tool-amd64 /tool",
        "ADD tool-amd64.tar /",
        "RUN tar xf tool-amd64.tar",
    ] {
        let text = format!("FROM x\n{text}\n");
        assert!(found(&text).is_empty(), "{text}: {:?}", found(&text));
    }
}

#[test]
fn a_stage_for_one_platform_may_name_it() {
    let download = "RUN curl -O https://example.com/tool-amd64";
    for from in [
        "FROM --platform=linux/amd64 x",
        "FROM x AS tools-amd64",
        "FROM amd64/debian",
        "FROM --platform=linux/amd64 x AS a\nFROM a",
        "FROM x AS amd64\nFROM amd64 AS b\nFROM b",
    ] {
        let text = format!("{from}\n{download}\n");
        assert!(found(&text).is_empty(), "{text}: {:?}", found(&text));
    }
    for from in ["FROM --platform=linux/$TARGETARCH x", "FROM --platform=linux/amd64 x AS a\nFROM y"] {
        assert_eq!(found(&format!("{from}\n{download}\n")).len(), 1, "{from}");
    }
    let file = Surroundings { is_for_one_architecture: true, ..surroundings() };
    assert!(found_in(&format!("FROM x\n{download}\n"), &file).is_empty());
}

#[test]
fn a_default_that_hides_what_every_build_sets() {
    assert_eq!(found("FROM x\nARG TARGETARCH=amd64\n"), ["2: ARG TARGETARCH=amd64 hides what every build sets: write ARG TARGETARCH"]);
    assert_eq!(
        found("ARG BUILDPLATFORM=\"linux/amd64\"\nFROM --platform=$BUILDPLATFORM x\n"),
        ["1: ARG BUILDPLATFORM=linux/amd64 hides what every build sets: write ARG BUILDPLATFORM"]
    );
    for text in ["FROM x\nARG TARGETARCH\n", "FROM x\nARG TARGETARCH=\n", "ARG TARGETARCH=$BUILDARCH\nFROM x\n", "FROM x\nARG ARCH=amd64\n"]
    {
        assert!(found(text).is_empty(), "{text}");
    }
}

#[test]
fn it_is_skipped_as_every_rule_is() {
    let download = "RUN curl -O https://example.com/tool-amd64";
    for text in [
        format!("# check=skip=HardcodedArchitecture\nFROM x\n{download}\n"),
        format!("# check=skip=all\nFROM x\n{download}\n"),
        format!("FROM x\n# check=skip=HardcodedArchitecture\n{download}\n"),
    ] {
        assert!(found(&text).is_empty(), "{text}");
    }
}
