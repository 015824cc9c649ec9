//! Starts the child, listens to it, and kills it.

use crate::arguments::Arguments;
use crate::audit::Answers;
use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Has a child sell for a time, kills it, and notes what it answered. Returns the number of answers.
pub fn run_and_kill(
    file: &Path,
    arguments: &Arguments,
    round: u32,
    time: Duration,
    answers: &mut Answers,
) -> Result<u64, Box<dyn Error>> {
    let mut child = start(file, arguments, round)?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let mut lines = BufReader::new(output).lines();
    // The time begins with the first answer: the child has recovered.
    let first = lines.next().transpose()?;
    let heard = thread::scope(|scope| -> Result<u64, Box<dyn Error>> {
        let killed = scope.spawn(move || {
            thread::sleep(time);
            // SIGKILL: the process does nothing more, not even at its end.
            child.kill().and_then(|()| child.wait())
        });
        let mut heard = 0;
        for line in first.map(Ok).into_iter().chain(&mut lines) {
            let line = line?;
            answers.note(&line)?;
            heard += 1;
        }
        let status = killed.join().map_err(|_| "the child was not killed")??;
        match status.code() {
            // It ended by itself.
            Some(code) => Err(format!("the child ended with code {code}").into()),
            None => Ok(heard),
        }
    })?;
    Ok(heard)
}

fn start(file: &Path, arguments: &Arguments, round: u32) -> Result<Child, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("--child").arg(file);
    command.arg("--round").arg(round.to_string());
    command.arg("--threads").arg(arguments.threads.to_string());
    if arguments.answer_before_durable {
        command.arg("--answer-before-durable");
    }
    Ok(command.stdout(Stdio::piped()).spawn()?)
}
