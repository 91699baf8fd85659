//! `--output type=local` and `type=tar`: the files of the images, outside of any image.

use std::path::Path;
use std::sync::Arc;

use engine::build::Built;
use engine::export::{Arrangement, Options, PlatformFiles, Written, plan, platform_folder, write_folder, write_tar, write_tar_file};
use engine::provenance::{Moments, beside};
use fault::Failure;
use oci::Platform;

use crate::args::{Output, Target};
use crate::commands::Session;
use crate::console::bytes;

/// Writes the files to every folder and tar among the outputs; no output is written before all of them make sense.
///
/// # Errors
/// Where platforms do not fit into one folder, or it cannot be written.
pub async fn export(session: &Session, outputs: &[Output], built: &Built, newest: Option<i64>, moments: &Moments) -> Result<(), Failure> {
    let mut planned = Vec::new();
    for output in outputs {
        let (Output::Tar { split, .. } | Output::Local { split, .. }) = output else { continue };
        let mut files = Vec::new();
        for image in &built.images {
            let Some(mut own) = image.files.clone() else { continue };
            if let Some(account) = image.provenance.as_ref().filter(|account| !account.order().is_inline_only) {
                let name = statement_name(&account.order().file_name, &image.platform, *split);
                own = beside(own, &name, account, moments).await?;
            }
            files.push(PlatformFiles { platform: image.platform.clone(), files: own });
        }
        let arrangement = match split {
            Some(true) => Arrangement::Split,
            Some(false) => Arrangement::Merged,
            None => Arrangement::usual(files.len()),
        };
        planned.push((output, Arc::new(plan(files, Options { arrangement, newest }).await?)));
    }
    for (output, plan) in planned {
        let (written, place) = match output {
            Output::Local { folder, .. } => (write_folder(plan, folder).await?, folder.display().to_string()),
            Output::Tar { target: Target::File(path), .. } => (write_tar_file(plan, path).await?, path.display().to_string()),
            _ => (write_tar(plan, Path::new("-"), std::io::stdout()).await?, "the standard output".to_owned()),
        };
        tell(session, &written, &place);
    }
    Ok(())
}

/// Calls a statement beside files as BuildKit does: where all platforms share a folder, each of them has its own.
fn statement_name(name: &str, platform: &Platform, split: Option<bool>) -> String {
    if split != Some(false) {
        return name.to_owned();
    }
    let folder = platform_folder(platform);
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}.{folder}.{ending}"),
        None => format!("{name}.{folder}"),
    }
}

fn tell(session: &Session, written: &Written, place: &str) {
    for left_out in &written.left_out {
        session.console.warn(&left_out.to_string());
    }
    let entries = if written.entries == 1 { "1 file".to_owned() } else { format!("{} files and folders", written.entries) };
    session.console.say(format!("{entries} ({}) written to {place}", bytes(written.bytes)));
}
