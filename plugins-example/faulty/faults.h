/* The list of faults: when each can be chosen, its name, one line of help. The option `fault` of both
 * engines is made from it, so that `iodyno engines show` prints it. No behaviour stands here: each
 * fault is done in one place, which `grep 'FAULT_NAME'` finds.
 *
 * LOAD: while a plugin is loaded there are no options, so these need IODYNO_FAULTY=NAME.
 * RUN:  by `fault=NAME` as well. */
#ifndef FAULTY_FAULTS_H
#define FAULTY_FAULTS_H

#define FAULTS(LOAD, RUN) \
	RUN(none, "nothing: a correct engine") \
	/* constructor (loading.c) */ \
	LOAD(constructor_hang, "the constructor never returns") \
	LOAD(constructor_segv, "the constructor crashes") \
	LOAD(constructor_exit, "the constructor ends the process with status 0") \
	LOAD(constructor_print, "the constructor prints") \
	LOAD(constructor_slow, "the constructor takes 300 ms") \
	LOAD(constructor_thread, "the constructor starts a thread") \
	LOAD(constructor_chdir, "the constructor changes the working directory") \
	LOAD(constructor_signal, "the constructor changes a signal handler") \
	LOAD(constructor_setenv, "the constructor changes the environment") \
	LOAD(constructor_leak_fd, "the constructor leaves a descriptor open") \
	/* entry, tables, setup, teardown (loading.c) */ \
	LOAD(entry_segv, "the entry crashes") \
	LOAD(entry_hang, "the entry never returns") \
	LOAD(entry_null, "the entry refuses without a word") \
	LOAD(entry_overflow, "the entry, refusing a wrong major, writes beyond errcap") \
	LOAD(entry_any_major, "the entry accepts a host of any major") \
	LOAD(entry_one_minor, "the entry refuses hosts of another minor") \
	LOAD(entry_changes, "the entry answers another pointer at its second call") \
	LOAD(option_default, "an option's default is out of its range") \
	LOAD(option_no_help, "an option has no help") \
	LOAD(bad_string, "the vendor's name is not UTF-8") \
	LOAD(setup_segv, "setup crashes") \
	LOAD(setup_hang, "setup never returns") \
	LOAD(setup_fails, "setup refuses, with words") \
	LOAD(teardown_segv, "teardown crashes") \
	LOAD(teardown_hang, "teardown never returns") \
	/* instances (instances.c) */ \
	RUN(init_segv, "init crashes") \
	RUN(init_hang, "init never returns") \
	RUN(init_fails, "init refuses, with words") \
	RUN(init_no_words, "init refuses without words") \
	RUN(init_second, "init refuses while there is another instance") \
	RUN(init_many, "init refuses while there are 16 other instances") \
	RUN(beyond_host, "init reads behind the end of the host's table") \
	RUN(beyond_job, "init reads behind the end of the job's table") \
	RUN(option_segv, "init crashes where `every` has its largest value") \
	RUN(option_refused, "init refuses the largest value of `every`") \
	RUN(altered_name, "init alters the name in the engine's table") \
	RUN(altered_flags, "init alters the flags in the engine's table") \
	RUN(altered_callback, "queue alters a callback in the engine's table") \
	RUN(leak_fd, "each instance leaves a descriptor open") \
	RUN(leak_memory, "each instance leaves 1 MiB of memory behind") \
	RUN(leak_thread, "each instance leaves a thread behind") \
	RUN(cleanup_segv, "cleanup crashes") \
	RUN(cleanup_hang, "cleanup never returns") \
	RUN(only_moves, "get_caps says read and write, nothing else") \
	RUN(caps_diskless, "get_caps changes IOE_F_DISKLESS") \
	RUN(open_fails, "the second file cannot be opened, with words") \
	RUN(open_no_words, "a bad path fails without words") \
	RUN(open_any, "a bad path is opened silently") \
	RUN(open_status, "open_file answers 7 for the second file") \
	RUN(open_hang, "open_file never returns for the second file") \
	RUN(open_once, "a file can be opened only once") \
	RUN(extension_unknown, "get_extension knows every id but the project's own") \
	RUN(extension_garbage, "get_extension answers every id with zeroes") \
	/* crashes and the like, in queue (queueing.c) */ \
	RUN(segv, "queue crashes: SIGSEGV") \
	RUN(sigbus, "queue crashes: SIGBUS") \
	RUN(abort, "queue calls abort()") \
	RUN(stack_overflow, "queue recurses without end") \
	RUN(thread_segv, "a thread that queue starts crashes") \
	RUN(exit, "queue ends the process with status 0") \
	RUN(hang, "queue never returns") \
	RUN(fork_segv, "queue starts a helper that holds all descriptors, and crashes") \
	RUN(print_segv, "queue prints its last words and crashes") \
	RUN(babble, "queue prints 8 MiB to standard output and as much to standard error") \
	RUN(eat_memory, "queue allocates and touches memory without end") \
	RUN(scribble, "queue writes into every socket of the process") \
	RUN(close_all, "queue closes every descriptor of the process") \
	/* answers of queue (queueing.c) */ \
	RUN(status, "queue answers 7") \
	RUN(negative, "queue answers -EIO, as it may") \
	RUN(negative_range, "queue answers -5000, which is no errno") \
	RUN(busy, "queue answers Busy with nothing in flight") \
	RUN(busy_keeps, "queue answers Busy and keeps the unit, which comes back later") \
	RUN(both_ways, "queue answers Completed, and the unit comes back through getevents too") \
	RUN(depth_segv, "queue crashes at one unit more than iodepth") \
	RUN(depth_more, "queue takes one unit more than iodepth") \
	RUN(depth_fails, "requests fail while more than 128 are in flight") \
	RUN(sync_queues, "get_caps says IOE_F_SYNC, and queue answers Queued") \
	/* what becomes of a unit (units.c) */ \
	RUN(error, "every so many requests fail with `errno`, as they may") \
	RUN(late_error, "the same, told by getevents") \
	RUN(error_negative, "error is set to a negative errno") \
	RUN(error_range, "error is set to 5000, which is no errno") \
	RUN(error_eintr, "a signal ends a request with EINTR") \
	RUN(unknown_succeeds, "an operation that nobody knows reports success") \
	RUN(no_progress, "nothing is moved, and there is no error") \
	RUN(resid, "resid is above len") \
	RUN(changes_offset, "the unit's offset is changed") \
	RUN(changes_len, "the unit's len is changed") \
	RUN(changes_buf, "the unit's buf is changed") \
	RUN(changes_op, "the unit's op is changed") \
	RUN(changes_flags, "the unit's flags are changed") \
	RUN(changes_file, "the unit's file is changed") \
	RUN(changes_cookie, "the unit's host_cookie is changed") \
	RUN(overrun, "the byte behind the buffer is written") \
	RUN(underrun, "the byte before the buffer is written") \
	RUN(private_overrun, "the byte behind the unit's private area is written") \
	RUN(source_changed, "a write changes its source") \
	RUN(read_wrong, "a read stores a wrong byte") \
	RUN(write_dropped, "a write does nothing and reports success") \
	RUN(short_as_full, "half is moved and all is reported") \
	RUN(eof_as_full, "a read at the end of the file reports all it was asked for") \
	RUN(fsync_nothing, "fsync and fdatasync do nothing and report success") \
	RUN(trim_nothing, "trim does nothing and reports success") \
	RUN(zeroes_nothing, "write_zeroes does nothing and reports success") \
	/* commit, getevents, and the way out (events.c) */ \
	RUN(commit_segv, "commit crashes") \
	RUN(commit_hang, "commit never returns") \
	RUN(commit_fails, "commit answers -EIO, as it may") \
	RUN(commit_empty, "commit refuses where nothing was taken") \
	RUN(commit_keeps, "commit forgets the newest unit until the next commit") \
	RUN(getevents_segv, "getevents crashes") \
	RUN(getevents_hang, "getevents never returns") \
	RUN(getevents_negative, "getevents answers -EIO and keeps what it has") \
	RUN(getevents_eintr, "getevents answers -EINTR") \
	RUN(lost, "units never come back") \
	RUN(twice, "a unit comes back twice") \
	RUN(invented, "a unit comes back that was never there") \
	RUN(late_resid, "resid is above len in a unit that getevents hands back") \
	RUN(count_more, "getevents answers more than max") \
	RUN(count_fewer, "getevents answers fewer than min without a time limit") \
	RUN(count_range, "getevents answers -5000, which is no errno") \
	RUN(nothing_negative, "getevents answers -EAGAIN with nothing in flight") \
	RUN(timeout_ignored, "getevents blocks for a second although the time limit is 0") \
	RUN(timeout_short, "getevents does not wait for its time limit") \
	RUN(cancel_nonsense, "cancel answers 7") \
	RUN(cancel_lies, "cancel answers Canceled, and the unit comes back") \
	RUN(terminate_segv, "terminate crashes") \
	RUN(terminate_hang, "terminate never returns") \
	RUN(terminate_ignored, "getevents takes 5 s, whatever terminate says, where it may") \
	RUN(terminate_deafens, "after terminate getevents never returns") \
	RUN(errdetails_overflow, "errdetails writes one byte beyond its capacity") \
	RUN(errdetails_endless, "errdetails does not end its words with a zero byte") \
	RUN(errdetails_empty, "errdetails has no words")

#define FAULT_ENUM(name, help) FAULT_##name,
enum fault { FAULTS(FAULT_ENUM, FAULT_ENUM) FAULT_COUNT };
#undef FAULT_ENUM

#endif
