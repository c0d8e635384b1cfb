//! The same for somebody without privileges: what the other files say of whoever runs them, said of nobody.

use super::{bombs, commands, endings, inheritance, limits, refusals, remains, shells, starting, streams};
use crate::support::alone::{Alone, User};

/// Runs tests of the other files as another user, in one process.
fn as_nobody(name: &'static str, user: User, tests: &[fn()]) {
    if let Some(alone) = Alone::new(name).user(user) {
        alone.run(|| {
            assert!(!rustix::process::geteuid().is_root());
            tests.iter().for_each(|test| test());
        });
    }
}

#[test]
fn an_unprivileged_user_starts_programs() {
    let name = "programs::users::an_unprivileged_user_starts_programs";
    as_nobody(
        name,
        User::Nobody,
        &[
            starting::a_dynamic_program_runs,
            starting::a_script_runs,
            starting::a_program_may_have_children,
            starting::a_program_may_be_named_by_path_or_be_found_in_the_applications_path,
            starting::a_program_that_is_not_granted_is_refused_by_name,
            starting::what_cannot_be_run_is_refused_in_words,
            starting::without_namespaces_a_program_is_refused_unless_metadata_is_given_away,
            commands::status_output_and_spawn_work,
            commands::eight_threads_start_commands_at_once,
            inheritance::arguments_are_the_programs_own,
            inheritance::the_working_directory_is_the_commands_where_it_may_be_seen,
            streams::output_ends_when_the_program_closes_it,
        ],
    );
}

#[test]
fn programs_of_an_unprivileged_user_reach_nothing() {
    let name = "programs::users::programs_of_an_unprivileged_user_reach_nothing";
    as_nobody(
        name,
        User::Nobody,
        &[
            refusals::a_program_reaches_nothing_that_is_not_granted,
            refusals::what_is_granted_can_be_done,
            refusals::a_program_cannot_run_what_it_has_written,
            refusals::a_violation_may_be_lethal,
            shells::a_shell_runs_nothing_else,
            shells::a_shell_reads_and_writes_nothing,
            shells::a_shell_runs_nothing_that_it_has_written,
        ],
    );
}

#[test]
fn programs_of_an_unprivileged_user_end_as_they_do_and_leave_nothing() {
    let name = "programs::users::programs_of_an_unprivileged_user_end_as_they_do_and_leave_nothing";
    as_nobody(
        name,
        User::Nobody,
        &[
            endings::every_fatal_signal_is_the_programs_own,
            endings::signals_to_the_command_reach_the_program,
            endings::a_command_stops_and_goes_on_with_its_program,
            remains::a_daemon_ends_with_the_program_that_left_it_behind,
            remains::a_killed_command_takes_everything_along,
            remains::a_killed_group_takes_everything_along,
            remains::a_killed_init_takes_everything_along,
            streams::a_command_that_is_killed_half_way_leaves_no_stream_open,
        ],
    );
}

#[test]
fn programs_of_an_unprivileged_user_keep_their_limits() {
    let name = "programs::users::programs_of_an_unprivileged_user_keep_their_limits";
    as_nobody(
        name,
        User::Lonely,
        &[
            limits::a_program_is_killed_at_its_time,
            limits::memory_is_bounded,
            limits::descriptors_are_bounded,
            limits::files_are_bounded,
            bombs::a_program_may_have_as_many_processes_as_its_profile_says,
            bombs::a_fork_bomb_is_bounded_and_ended,
            bombs::a_program_that_may_be_one_process_starts_no_other,
        ],
    );
}
