# A few words for what cargo does; `cargo xtask --help` lists the project's own chores.

.PHONY: build test tools lint dist docs

# The program, as it is used while one works on it: target/release/polyarch
build:
	cargo build --release

# Everything that must pass, and what it needs to run.
test: tools lint
	cargo test --workspace

# The programs that tests use beside cargo, from Debian's packages, when this is root.
tools:
	@.ci/install-test-tools

lint:
	@cargo fmt --version >/dev/null 2>&1 || { echo "cargo fmt is missing; get it with: rustup component add rustfmt (or your system's rustfmt package)" >&2; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "cargo clippy is missing; get it with: rustup component add clippy (or your system's rust-clippy package)" >&2; exit 1; }
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings

# The one static file that is given away: target/dist/polyarch
dist:
	cargo xtask dist

# docs/cli.md, from what the program says of itself.
docs:
	cargo xtask docs
