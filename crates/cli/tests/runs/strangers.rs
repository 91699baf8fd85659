//! An ordinary user to whom this machine grants no other builds what root builds.

use std::fs;

use crate::theirs::{Theirs, give};

#[test]
fn one_user_is_enough_for_the_same_image() {
    let Some(theirs) = Theirs::new() else { return };
    let kitchen = &theirs.0;
    kitchen.put(
        "Dockerfile",
        "FROM base AS given\n\
         RUN mkdir -p /of/folder && touch /of/ann /of/root /of/folder/group && chown 77:78 /of/ann /of/folder && chown :79 /of/folder/group\n\
         FROM base AS first\n\
         RUN echo ann:x:77:77::/:/bin/sh >> /etc/passwd && echo ann:x:77: >> /etc/group && mkdir -p /srv/a/b && touch /srv/a/b/c && chown -R ann:ann /srv/a && chown ann:8 /srv/a/b/c\n\
         RUN su ann -c 'cd /srv/a && touch own && mkdir new && ln -s own link && mkfifo pipe && cp /etc/passwd new/' && mv /srv/a/new /srv/moved\n\
         RUN rm /srv/a/b/c && chmod 4755 /srv/a/own && chown 0:77 /srv/a && chown 0:0 /etc/passwd\n\
         USER ann\n\
         RUN id -u && touch /tmp/mine && mktemp -d /tmp/dXXXXXX > /dev/null && rmdir /tmp/d* && echo x >> /srv/moved/passwd\n\
         USER 0\n\
         RUN sed -i s/x/y/ /srv/moved/passwd && echo y >> /tmp/mine && touch /tmp/root && test \"$(stat -c %u:%g /srv/moved/passwd)\" = 77:77\n\
         RUN cp -a /srv/moved /srv/twin && mv /srv/moved /srv/elsewhere && mkdir /srv/untarred && tar cf - -C /srv/twin . | tar xf - -C /srv/untarred\n\
         RUN chown 5 /srv/twin/passwd && chmod 600 /srv/a/own && rm -r /srv/untarred/passwd && echo > /srv/untarred/passwd && mv /tmp/mine /srv/mine\n\
         RUN --mount=type=bind,from=given,source=/of,target=/of cp -a /of /srv/bound && test -O /of/root && ! test -O /of/ann\n\
         FROM base\n\
         COPY --from=first /srv /tmp /got/\n",
    );
    fs::create_dir(kitchen.home.path().join("out")).unwrap();
    give(kitchen.home.path());
    for target in ["--target=first", "--target=2"] {
        let build = ["build", "-q", "--platform=linux/amd64", "--build-context=base=oci-layout://base:amd64", target, "context"];
        let words = [&build[..], &["--build-arg=SOURCE_DATE_EPOCH=1000"]].concat();
        let ran = theirs.run(&words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stdout.trim_end(), kitchen.home.done(&[&["--store=ours"], &words[..]].concat()), "{target}");
    }
    kitchen.is_tidy();
}
