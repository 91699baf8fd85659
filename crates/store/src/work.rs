//! Runs file work on threads that may wait for a disk.

use crate::StoreError;

/// Runs `job` on a thread that may block, and waits for it.
///
/// # Errors
/// Those of the job; [`StoreError::Stopped`] where the program ends before it began.
pub(crate) async fn blocking<T, E>(job: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    joined(tokio::task::spawn_blocking(job).await)
}

/// Flattens what became of a job; its panic goes on here.
pub(crate) fn joined<T, E: From<StoreError>>(done: Result<Result<T, E>, tokio::task::JoinError>) -> Result<T, E> {
    match done {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Stopped.into()),
        },
    }
}
