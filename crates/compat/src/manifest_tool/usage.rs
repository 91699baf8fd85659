//! The help that manifest-tool's command line prints (urfave/cli), with the flags that are ours.

/// Which words are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// manifest-tool itself.
    Program,
    /// `inspect`.
    Inspect,
    /// `push`.
    Push,
    /// `push from-spec`.
    FromSpec,
    /// `push from-args`.
    FromArguments,
}

impl Topic {
    /// Returns the help, with a line's end behind it.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Program => PROGRAM,
            Self::Inspect => INSPECT,
            Self::Push => PUSH,
            Self::FromSpec => FROM_SPEC,
            Self::FromArguments => FROM_ARGUMENTS,
        }
    }
}

const PROGRAM: &str = "\
NAME:
   manifest-tool - registry client to inspect and push multi-platform OCI & Docker v2 images

USAGE:
   manifest-tool [global options] command [command options]

COMMANDS:
   inspect  fetch image manifests in a container registry
   push     push a manifest list/OCI index entry to a registry with provided image details

GLOBAL OPTIONS:
   --debug             enable debug output (default: false)
   --insecure          allow insecure registry communication (default: false)
   --plain-http        allow registry communication over plain http (default: false)
   --username value    registry username
   --password value    registry password
   --docker-cfg value  either a directory path containing a Docker-formatted config.json or a specific JSON file formatted for registry auth
   --help, -h          show help
   --version, -v       print the version
";

const INSPECT: &str = "\
NAME:
   manifest-tool inspect - fetch image manifests in a container registry

USAGE:
   manifest-tool inspect [command options] [arguments...]

OPTIONS:
   --raw            raw JSON output (default: false)
   --expand-config  expand image config content in raw JSON output (default: false)
   --help, -h       show help
";

const PUSH: &str = "\
NAME:
   manifest-tool push - push a manifest list/OCI index entry to a registry with provided image details

USAGE:
   manifest-tool push command [command options]

COMMANDS:
   from-spec  push a manifest list to a registry via a YAML spec
   from-args  push a manifest list to a registry via CLI arguments

OPTIONS:
   --type value  image manifest type: docker (v2.2 manifest list) or oci (v1 index) (default: \"docker\")
   --help, -h    show help
";

const FROM_SPEC: &str = "\
NAME:
   manifest-tool push from-spec - push a manifest list to a registry via a YAML spec

USAGE:
   manifest-tool push from-spec [command options] [arguments...]

OPTIONS:
   --ignore-missing  only warn on missing images defined in YAML spec (default: false)
   --force-platform  publish images as the platforms they are said to be for, whatever their configs say (default: false)
   --help, -h        show help
";

const FROM_ARGUMENTS: &str = "\
NAME:
   manifest-tool push from-args - push a manifest list to a registry via CLI arguments

USAGE:
   manifest-tool push from-args [command options]

OPTIONS:
   --platforms value [ --platforms value ]      comma-separated list of the platforms that images should be pushed for
   --template value                             the pattern the source images have. OS and ARCH in that pattern will be replaced with the actual values from the platforms list
   --target value                               the name of the manifest list image that is going to be produced
   --tags value [ --tags value ]                comma-separated list of additional tags to apply to the manifest list image
   --annotations value [ --annotations value ]  additional image annotations to apply to the OCI index, in the form of key=value
   --ignore-missing                             only warn on missing images defined in platform list (default: false)
   --force-platform                             publish images as the platforms they are said to be for, whatever their configs say (default: false)
   --help, -h                                   show help
";
