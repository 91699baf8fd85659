//! What is not run, and what is said instead.

use testkit::fixtures::{Image, Index, write_layout};

use crate::kitchen::Kitchen;
use crate::started::run;

#[test]
fn words_of_docker_that_mean_nothing_here_say_what_to_do() {
    let Some(kitchen) = Kitchen::new() else { return };
    for (words, told, hint) in [
        (&["-d"][..], "--detach is not there: a program is run as long as somebody waits for it", "put & behind the command"),
        (&["-p", "80:80"], "--publish is not there: the network is this machine's", "leave it out"),
        (&["--restart=always"], "--restart is not there", "service manager"),
        (&["--rm=false"], "--rm=false: what a program writes into its root is always thrown away", "-v ./out:/out"),
        (&["--network=bridge"], "bad network \"bridge\": expected default, host or none", "polyarch has no networks of its own"),
        (&["-v", "data:/data"], "volume \"data\": there are no volumes by name", "-v ./data:/data"),
        (&["-v", "/data"], "there are no volumes but folders and files of this machine", "--tmpfs /data"),
        (&["-v", "./none:/data"], "cannot mount ./none at /data", "make it first"),
        (&["--cap-add=NET_ADMN"], "bad capability \"NET_ADMN\"", "did you mean NET_ADMIN"),
        (&["-e", "=1"], "bad variable", "hint"),
    ] {
        let ran = run(&kitchen, words, &["echo", "never"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint) || hint == "hint", "{words:?}: {}", ran.stderr);
    }
    assert!(!kitchen.home.path().join("none").exists());
}

#[test]
fn an_image_of_other_machines_says_what_it_offers() {
    let Some(kitchen) = Kitchen::new() else { return };
    let images = ["linux/sparc64", "linux/alpha"].map(|platform| Image::new(platform).text(platform).build());
    let index = Index::new().image(&images[0]).image(&images[1]).build();
    write_layout(&kitchen.home.path().join("foreign"), &[(&index, Some("1"))], &[&images[0], &images[1]]);
    let mut lie = images[1].descriptor();
    lie.platform = Some("linux/amd64".parse().unwrap());
    let lie = Index::new().add(lie).build();
    write_layout(&kitchen.home.path().join("lie"), &[(&lie, Some("1"))], &[&images[1]]);
    let offers = "oci:foreign:1 offers linux/sparc64, linux/alpha";
    for (words, told) in [
        (
            &["oci:foreign:1"][..],
            "no image of oci:foreign:1 runs on this machine, which is linux/amd64: it offers linux/sparc64, linux/alpha",
        ),
        (
            &["--platform=linux/sparc64", "oci:foreign:1"],
            &format!("programs for linux/sparc64 do not run here, since its architecture or level is not known; {offers}"),
        ),
        (&["--platform=linux/386", "oci:foreign:1"], "no linux/386 image in oci:foreign:1: it offers linux/sparc64, linux/alpha"),
        (&["oci:lie:1"], "oci:lie:1 is for linux/alpha by its config, whose programs do not run here"),
    ] {
        let ran = kitchen.home.run(&[&["run"], words].concat());
        assert_eq!(ran.code, 125, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn an_image_for_smaller_machines_of_this_kind_is_run() {
    let Some(kitchen) = Kitchen::new() else { return };
    // What it is labelled for is what counts here: its program is this machine's.
    let image = Image::new("linux/386").tar(testkit::busybox_layer().unwrap()).build();
    kitchen.home.layout("small", &[&image]);
    for words in [&["oci:small:386"][..], &["--platform=386", "oci:small:386"]] {
        let ran = kitchen.home.run(&[&["run"], words, &["/bin/echo", "words"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "words\n"), "{}", ran.stderr);
    }
}
