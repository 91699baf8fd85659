//! Package URLs of images, as BuildKit writes them (its util/purl): `pkg:docker/alpine@3.20?digest=...&platform=linux%2Famd64`.

use std::path::Path;

use oci::{Digest, Locator, Platform, Reference};

/// Writes an image of a registry, with the digest that its name meant where that is known.
pub(super) fn of_image(reference: &Reference, digest: Option<&Digest>, platform: &Platform) -> String {
    let tag = reference.target_tag().map(|tag| format!("@{tag}")).unwrap_or_default();
    let digest = digest.or_else(|| reference.digest());
    format!("pkg:docker/{}{tag}{}", reference.familiar_name(), qualifiers(digest, platform))
}

/// Writes the image that a place names. Of what lies on this machine only the last part of its path is told.
pub(super) fn of_place(place: &str, digest: Option<&Digest>, platform: &Platform) -> String {
    let local = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("pkg:oci/{}{}", escaped(&name), qualifiers(digest, platform))
    };
    match place.parse::<Locator>() {
        Ok(Locator::Name(name) | Locator::Registry(name) | Locator::Store(name)) => of_image(&name, digest, platform),
        Ok(
            Locator::Layout { path, .. }
            | Locator::LayoutArchive { path, .. }
            | Locator::DockerArchive { path, .. }
            | Locator::Path { path, .. },
        ) => local(&path),
        Ok(Locator::Daemon(name)) => match name.parse() {
            Ok(name) => of_image(&name, digest, platform),
            Err(_) => local(Path::new(&name)),
        },
        Err(_) => local(Path::new(place)),
    }
}

fn qualifiers(digest: Option<&Digest>, platform: &Platform) -> String {
    let platform = format!("platform={}", escaped(&shown(platform)));
    match digest {
        Some(digest) => format!("?digest={digest}&{platform}"),
        None => format!("?{platform}"),
    }
}

/// Writes a platform as containerd does, which leaves a version of Windows out.
pub(super) fn shown(platform: &Platform) -> String {
    let platform = platform.normalized();
    let variant = platform.variant.map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(name: &str) -> String {
        of_image(&name.parse().unwrap(), None, &"linux/arm64/v8".parse().unwrap())
    }

    #[test]
    fn names_are_those_of_buildkits_own_tests() {
        let digest = Digest::of(b"test");
        let platform = "platform=linux%2Farm64";
        for (name, expected) in [
            ("alpine", "pkg:docker/alpine@latest?"),
            ("library/alpine:3.15", "pkg:docker/alpine@3.15?"),
            ("docker.io/library/alpine:latest", "pkg:docker/alpine@latest?"),
            (&format!("docker.io/library/alpine:latest@{digest}"), &format!("pkg:docker/alpine@latest?digest={digest}&")),
            (&format!("docker.io/library/alpine@{digest}"), &format!("pkg:docker/alpine?digest={digest}&")),
            ("user/test:v2", "pkg:docker/user/test@v2?"),
            ("ghcr.io/foo/bar", "pkg:docker/ghcr.io/foo/bar@latest?"),
            ("localhost:5000/bar:v2", "pkg:docker/localhost:5000/bar@v2?"),
        ] {
            assert_eq!(url(name), format!("{expected}{platform}"), "{name}");
        }
    }

    #[test]
    fn a_place_on_this_machine_is_not_told() {
        let platform: Platform = "windows/amd64:10.0.20348.1".parse().unwrap();
        for (place, expected) in [
            ("oci:/home/me/secret plans/base:1.0", "pkg:oci/base?platform=windows%2Famd64"),
            ("oci-archive:../my base.tar", "pkg:oci/my%20base.tar?platform=windows%2Famd64"),
            ("docker://ghcr.io/acme/base:1", "pkg:docker/ghcr.io/acme/base@1?platform=windows%2Famd64"),
            ("docker-daemon:base", "pkg:docker/base@latest?platform=windows%2Famd64"),
        ] {
            assert_eq!(of_place(place, None, &platform), expected);
        }
    }
}
