//! `inspect --referrers`: what speaks for an image, as a matrix and as a list.

use content::{Limits, Source};
use fault::Failure;
use index::{Description, Evidence, EvidenceKind, Piece, Tie, evidence};
use oci::RawManifest;

use crate::commands::Session;
use crate::console::{Console, Table};

/// Looks for what speaks for a described image, and warns of what is listed for it wrongly.
pub(super) async fn find(session: &Session, place: &dyn Source, root: &RawManifest, description: &mut Description) -> Result<(), Failure> {
    let found = evidence(place, root, description, Limits::default()).await?;
    for omission in &found.left_out {
        session.console.warn(&omission.why);
    }
    description.referrers = Some(found);
    Ok(())
}

/// Prints the matrix, and below it each piece.
pub(super) fn show(console: &Console, evidence: &Evidence) {
    let mut matrix = Table::new(&["REFERRERS", "SIGNATURE", "PROVENANCE", "SBOM", "VEX", "OTHER"]);
    for row in &evidence.rows {
        let counts = EvidenceKind::ALL.into_iter().map(|kind| match row.count(kind) {
            0 => "-".to_owned(),
            count => count.to_string(),
        });
        matrix.row(std::iter::once(row.name.clone()).chain(counts));
    }
    console.data("");
    console.table(&matrix);
    if evidence.found.is_empty() {
        return;
    }
    let mut list = Table::new(&["DIGEST", "KIND", "OF", "FOUND", "TYPE"]);
    for piece in &evidence.found {
        let kinds: Vec<String> = piece.kinds.iter().map(ToString::to_string).collect();
        let ties: Vec<String> = piece.ties.iter().map(tie).collect();
        let kind = piece.artifact_type.clone().unwrap_or_default();
        list.row([piece.digest.to_string(), kinds.join(", "), subject(evidence, piece), ties.join(", "), kind]);
    }
    console.data("");
    console.table(&list);
}

/// Names what a piece speaks of: a row of the matrix, or another piece, which the list has in full.
fn subject(evidence: &Evidence, piece: &Piece) -> String {
    let row = evidence.rows.iter().find(|row| row.digest == piece.subject);
    row.map_or_else(|| piece.subject.short(), |row| row.name.clone())
}

fn tie(tie: &Tie) -> String {
    match tie {
        Tie::Embedded => "in the index".to_owned(),
        Tie::Subject => "by its subject".to_owned(),
        // The tag repeats the digest of the subject, so its end says enough.
        Tie::Tag { tag } => format!("by a tag .{}", tag.rsplit('.').next().unwrap_or(tag)),
    }
}
