/* iodyno_engine.h - the iodyno engine ABI, major 1, minor 0.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Generated from engine-api/src/abi.rs: do not edit. The guide is docs/engines.md.
 *
 * Rules of growth. Every struct that crosses the border begins with struct_size = sizeof at the
 * writer's compile time. Append only, at the end; 0 in a new field means the behaviour from before
 * it existed; fixed-width fields, no padding, no bool, enum, bitfield or long inside structs;
 * arrays of structs are arrays of pointers; numbers are never reused; fields named reserved are 0.
 * A reader reads nothing beyond struct_size. Tables of a plugin are const: the host copies them and
 * never writes there. Engine flags: a host may ignore those in the low 32 bits that it does not
 * know; for one in the high 32 bits it must refuse the engine.
 *
 * Ownership. Between Queued and getevents the engine owns a request and its buffer; after Busy or a
 * negative answer the host does, and the engine has kept nothing. No string ever changes owner.
 *
 * [who; when] at a callback: job = the worker's thread of that instance; any = any thread.
 */
#ifndef IODYNO_ENGINE_H
#define IODYNO_ENGINE_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Makes the entry visible in a plugin that is compiled with -fvisibility=hidden. */
#define IOE_EXPORT __attribute__((visibility("default")))

/* Major version: plugins of another major are refused. */
#define IOE_ABI_MAJOR 1u
#define IOE_ABI_MINOR 0u                     /* Minor version: grows with every appended field. */

#define IOE_MAGIC UINT64_C(0x31454e474f444f49) /* First eight bytes of ioe_plugin. */

#define IOE_Q_COMPLETED 0                    /* queue(): done now; error and resid say how. */
/* queue(): the engine owns the unit until getevents hands it back, exactly once. */
#define IOE_Q_QUEUED 1
/* queue(): nothing was taken; commit, reap, offer again. */
#define IOE_Q_BUSY 2

/* cancel(): the unit will not come back through getevents. */
#define IOE_CANCELED 0

#define IOE_CANCEL_PENDING 1                 /* cancel(): asked for; the unit still comes back. */

#define IOE_LOG_DEBUG 0                      /* Log level: for the engine's author. */
#define IOE_LOG_INFO 1                       /* Log level: worth knowing. */
#define IOE_LOG_WARN 2                       /* Log level: lands in the report. */
#define IOE_LOG_ERROR 3                      /* Log level: lands in the report as an error. */

#define IOE_OP_READ 0                        /* Read len bytes at offset into buf. */
/* Write len bytes at offset from buf, which stays as it is. */
#define IOE_OP_WRITE 1
#define IOE_OP_TRIM 2                        /* Discard the range. */
/* Make everything written so far durable, metadata included. */
#define IOE_OP_FSYNC 3
#define IOE_OP_FDATASYNC 4                   /* Make the data written so far durable. */
/* Start or await write-back of the range: IOE_IO_SYNC_* say which; none of them means all three. */
#define IOE_OP_SYNC_RANGE 5
#define IOE_OP_WRITE_ZEROES 6                /* Write zeroes without a buffer. */
/* First number that is private to an engine; never verified, never issued by a host of 1.0. */
#define IOE_OP_ENGINE 64

/* queue() never answers QUEUED: queue is the only callback required. */
#define IOE_F_SYNC UINT64_C(0x1)
#define IOE_F_RAW UINT64_C(0x2)              /* Bypasses the page cache. */
/* The target is no path: the host itself opens, sizes and lays out nothing. Must not change
 * between ioe_ops.flags and get_caps: the host looks at targets before there is an instance. */
#define IOE_F_DISKLESS UINT64_C(0x4)
/* Cannot grow a file: the host lays it out before the start. */
#define IOE_F_NOEXTEND UINT64_C(0x8)
#define IOE_F_UNIDIR UINT64_C(0x10)          /* A job reads or writes, never both. */
#define IOE_F_PIPE UINT64_C(0x20)            /* Offsets mean nothing. */
#define IOE_F_FAKE UINT64_C(0x40)            /* Moves no data: verify is refused. */
/* Does no I/O at all (burns CPU ...): no offsets, no throughput. */
#define IOE_F_NOIO UINT64_C(0x80)
#define IOE_F_SETS_ISSUE UINT64_C(0x100)     /* Fills issue_ns itself, in commit(). */
/* One request = one whole file (create, stat, delete ...). */
#define IOE_F_PER_FILE UINT64_C(0x200)
#define IOE_F_MUST_MEM UINT64_C(0x100000000) /* Buffers only from the extension iodyno.iomem/1. */

#define IOE_KIND_NONE 0                      /* Kind of target: none (an engine without files). */
#define IOE_KIND_REGULAR 1                   /* Kind of target: a regular file. */
#define IOE_KIND_BLOCK 2                     /* Kind of target: a block device. */
#define IOE_KIND_CHAR 3                      /* Kind of target: a character device. */
#define IOE_KIND_DIR 4                       /* Kind of target: a directory. */
#define IOE_KIND_PIPE 5                      /* Kind of target: a pipe or socket. */

#define IOE_OPEN_READ UINT32_C(0x1)          /* The job reads from the target. */
#define IOE_OPEN_WRITE UINT32_C(0x2)         /* The job writes to the target. */
#define IOE_OPEN_CREATE UINT32_C(0x4)        /* Create it where it does not exist. */
#define IOE_OPEN_TRUNC UINT32_C(0x8)         /* Cut it to nothing first. */
#define IOE_OPEN_DIRECT UINT32_C(0x10)       /* O_DIRECT. */
#define IOE_OPEN_SYNC UINT32_C(0x20)         /* O_SYNC. */
#define IOE_OPEN_DSYNC UINT32_C(0x40)        /* O_DSYNC. */

#define IOE_OPENED 0                         /* open_file(): done. */

#define IOE_OPEN_HOST 1                      /* open_file(): "host, open the path for me". */

#define IOE_IO_HIPRI UINT64_C(0x1)           /* Request flag: poll for the completion. */
#define IOE_IO_FUA UINT64_C(0x2)             /* Request flag: force unit access. */
/* Request flag of IOE_OP_SYNC_RANGE: wait for write-back that is under way already. */
#define IOE_IO_SYNC_WAIT_BEFORE UINT64_C(0x4)
/* Request flag of IOE_OP_SYNC_RANGE: start write-back of what is dirty. */
#define IOE_IO_SYNC_WRITE UINT64_C(0x8)
/* Request flag of IOE_OP_SYNC_RANGE: wait for write-back at the end. */
#define IOE_IO_SYNC_WAIT_AFTER UINT64_C(0x10)

#define IOE_OPT_BOOL 1                       /* Option type: 0 or 1, in v.u. */
#define IOE_OPT_INT 2                        /* Option type: signed integer, in v.i. */
#define IOE_OPT_UINT 3                       /* Option type: unsigned integer, in v.u. */
#define IOE_OPT_SIZE 4                       /* Option type: bytes, in v.u. */
#define IOE_OPT_TIME_NS 5                    /* Option type: nanoseconds, in v.u. */
#define IOE_OPT_FLOAT 6                      /* Option type: double, in v.f. */
#define IOE_OPT_STR 7                        /* Option type: text, in v.s. */
#define IOE_OPT_PATH 8                       /* Option type: a path, in v.s. */
#define IOE_OPT_ENUM 9                       /* Option type: one of choices, its value in v.u. */
/* Option type: any of choices, their values or-ed in v.u. */
#define IOE_OPT_FLAGSET 10
/* Option type: another engine's name or path, in v.s; found, probed and loaded first. */
#define IOE_OPT_ENGINE 11

#define IOE_OPTF_REQUIRED UINT32_C(0x1)      /* Option flag: a job without it is refused. */
#define IOE_OPTF_SECRET UINT32_C(0x2)        /* Option flag: redacted in every output. */
#define IOE_OPTF_HIDDEN UINT32_C(0x4)        /* Option flag: not shown in help. */
#define IOE_OPTF_DEPRECATED UINT32_C(0x8)    /* Option flag: still works, warned of. */

/* Kinds and conditions of zones have the numbers of the standards (ZBC, ZNS). Written anywhere. */
#define IOE_ZONE_CONVENTIONAL 1
#define IOE_ZONE_SEQ_REQUIRED 2              /* Written at its pointer only. */
#define IOE_ZONE_SEQ_PREFERRED 3             /* Better written at its pointer. */
#define IOE_ZONE_NOT_WP 0                    /* A conventional zone has no pointer. */
#define IOE_ZONE_EMPTY 1                     /* The pointer stands at its begin. */
#define IOE_ZONE_IMPLICIT_OPEN 2             /* Opened by a write. */
#define IOE_ZONE_EXPLICIT_OPEN 3             /* Opened by a command. */
#define IOE_ZONE_CLOSED 4                    /* Partly written, and not open. */
#define IOE_ZONE_READ_ONLY UINT32_C(0xd)     /* It can be read only. */
#define IOE_ZONE_FULL UINT32_C(0xe)          /* Nothing more can be written. */
#define IOE_ZONE_OFFLINE UINT32_C(0xf)       /* It cannot be used. */

typedef int32_t ioe_status;                  /* 0 or a count = ok, -errno = failure. */

/* A target of a job. The entry stays where it is, and its name valid, until cleanup. The host
 * opens, sizes and closes it only while no unit of it is the engine's. */
struct ioe_file {
    uint32_t struct_size;
    int32_t fd;                              /* Open descriptor; -1 where the engine has none. */
    /* The target's name as the job gives it; never null, valid until cleanup. */
    const char *name;
    uint64_t size;                           /* Bytes; 0 = unknown. */
    uint32_t kind;                           /* IOE_KIND_*. */
    uint32_t open_flags;                     /* IOE_OPEN_*: how the job wants it opened. */
    uint32_t block_size;                     /* Logical block size in bytes. */
    uint32_t index;                          /* Number of the file within the job. */
    void *engine_data;                       /* The engine's own; the host must not touch it. */
};

/* One request. Host-owned memory whose address is stable from io_init() to io_free(); buf
 * points into one region that is stable as well. After a short transfer the host advances offset,
 * buf and len by what was done (rounded down to block_size under direct) and queues the rest;
 * a read with resid == len and no error = end of file; a write without progress = EIO. */
struct ioe_io {
    uint32_t struct_size;
    uint32_t op;                             /* IOE_OP_*; host -> engine. */
    uint64_t flags;                          /* IOE_IO_*; host -> engine. */
    uint64_t offset;                         /* Bytes from the target's beginning. */
    uint64_t len;                            /* Bytes still to transfer. */
    /* Where the next byte goes to or comes from; says nothing where the operation has no data. */
    void *buf;
    struct ioe_file *file;                   /* The target. */
    uint32_t buf_index;                      /* As given to iomem add(), or UINT32_MAX. */
    uint32_t ioprio;                         /* As ioprio_set(2). */
    /* Bytes NOT transferred, 0..len; engine -> host, zeroed before each queue(). */
    uint64_t resid;
    /* Host clock, only with IOE_F_SETS_ISSUE; engine -> host, zeroed before each queue(). */
    uint64_t issue_ns;
    /* 0 or a positive errno; engine -> host, zeroed before each queue(). */
    int32_t error;
    /* NVMe SCT/SC, SCSI key/asc/ascq: the engine's namespace; engine -> host, zeroed likewise. */
    uint32_t vendor_status;
    uint64_t host_cookie;                    /* The host's own; the engine must not touch it. */
    /* io_private_size zeroed bytes, 64-byte aligned; null where that is 0. */
    void *engine_data;
};

/* One choice of an ENUM or FLAGSET option. */
struct ioe_choice {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;                        /* As written in a job file. */
    uint64_t value;                          /* What the engine gets. */
    const char *help;                        /* One line. */
};

/* An option of an engine: pure data, readable without an instance. The host parses, ranges,
 * defaults and documents it. */
struct ioe_option {
    uint32_t struct_size;
    uint32_t type;                           /* IOE_OPT_*. */
    uint32_t flags;                          /* IOE_OPTF_*. */
    uint32_t n_choices;                      /* Number of choices. */
    const char *name;                        /* [a-z][a-z0-9_]*, unique in its table. */
    const char *alias;                       /* Second name, or null. */
    const char *def;                         /* In job-file syntax; null = no default. */
    const char *help;                        /* One line. */
    const char *group;                       /* Heading in the help, or null. */
    int64_t min;                             /* Smallest value; both 0 = unbounded. */
    int64_t max;                             /* Largest value; both 0 = unbounded. */
    uint64_t step;                           /* 0 = any, 1 = power of two, n = multiple of n. */
    const struct ioe_choice *const *choices; /* n_choices pointers. */
};

/* The value of an ioe_value. INT: i. FLOAT: f. STR, PATH, ENGINE: s. All others: u. */
union ioe_value_v {
    int64_t i;                               /* Signed. */
    uint64_t u;                              /* Unsigned. */
    double f;                                /* Floating. */
    const char *s;                           /* Text; valid until cleanup. */
};

/* An option's value: parsed, defaulted and range-checked by the host. */
struct ioe_value {
    uint32_t struct_size;
    uint32_t type;                           /* IOE_OPT_*. */
    /* 1 where the job or a default gives it; 0: there is no value. */
    uint32_t is_set;
    uint32_t reserved;
    union ioe_value_v v;                     /* The value itself. */
};

/* What the host offers. Callbacks are never null; they and ctx are good until the process ends. */
struct ioe_host {
    uint32_t struct_size;
    uint16_t abi_major;                      /* The host's ABI major. */
    uint16_t abi_minor;                      /* The host's ABI minor. */
    void *ctx;                               /* First argument of every callback below. */
    const char *name;                        /* "iodyno", or another host's name. */
    const char *version;                     /* The host's version. */
    /* [any] A line for the log; a plugin prints nothing on its own. */
    void (*log)(void *ctx, int32_t level, const char *msg);
    /* [any: about this thread's call] Words for the errno that is about to be returned. */
    void (*set_error)(void *ctx, int32_t err, const char *msg);
    /* [any] CLOCK_MONOTONIC, one epoch for all processes of a run. */
    uint64_t (*now_ns)(void *ctx);
    void *(*alloc)(void *ctx, size_t size, size_t align); /* [any] Zeroed memory, or null. */
    /* [any] Gives back what alloc gave, with the same size and alignment. */
    void (*free)(void *ctx, void *p, size_t size, size_t align);
    int32_t (*should_stop)(void *ctx);       /* [any] 1 once the run is to end. */
    /* [setup, init] A host extension by id; null = unknown. */
    const void *(*get_extension)(void *ctx, const char *id);
};

/* Facts about the job, valid until cleanup(). */
struct ioe_job {
    uint32_t struct_size;
    uint32_t iodepth;                        /* Units that may be in flight. */
    uint32_t numjobs;                        /* Clones of this job. */
    uint32_t job_index;                      /* Which clone this is, from 0. */
    uint64_t max_bs;                         /* The largest request in bytes. */
    uint32_t align;                          /* Alignment of the buffers in bytes. */
    uint32_t direct;                         /* 1: O_DIRECT was asked for. */
    const char *name;                        /* The job's name. */
    uint32_t op_mask;                        /* Bit per IOE_OP_*: what the job will issue. */
    uint32_t verify;                         /* 1: data will be checked. */
    /* n_opts pointers, indexed like the engine's options. */
    const struct ioe_value *const *opts;
    uint32_t n_opts;                         /* Number of opts. */
    uint32_t reserved;
};

/* What this instance, with these options, really is. Prefilled by the host from the ops table. */
struct ioe_caps {
    uint32_t struct_size;
    uint32_t max_depth;                      /* 0 = no limit. */
    /* Replaces the ops table's flags for this instance; IOE_F_DISKLESS must stay as it is. */
    uint64_t flags;
    uint64_t ops;                            /* Bit per IOE_OP_* supported; 0 = not known. */
    uint64_t max_transfer;                   /* Bytes; 0 = no limit. */
    uint32_t mem_align;                      /* Bytes; 0 = the target's block size. */
    uint32_t reserved;
};

/* An engine. Life of an instance: setup (once per process) -> init -> get_caps ->
 * { open_file -> get_file_size }* -> io_init* -> start -> ( prep -> queue )* commit
 * getevents ... -> io_free* -> close_file* -> cleanup ... teardown.
 * get_file_size is also called once before layout; files may be opened and closed later as well;
 * close_file comes before the host closes a descriptor of its own. prep comes again after Busy
 * and before each continuation: it must be repeatable. All workers of a run open at the same time:
 * no barrier stands before open_file, so a listener and its peer can meet. A wait that
 * terminate() interrupted may return fewer than min (also the next one, where none was waiting);
 * later calls behave normally, so that units drain. */
struct ioe_ops {
    uint32_t struct_size;
    uint32_t n_options;                      /* Number of options. */
    uint64_t flags;                          /* IOE_F_*. */
    const char *name;                        /* [a-z0-9_-]{1,32}. */
    const char *help;                        /* One line. */
    const struct ioe_option *const *options; /* n_options pointers. */
    uint32_t io_private_size;                /* Bytes of ioe_io.engine_data for each unit. */
    uint32_t reserved;
    /* [job; once] Makes an instance. */
    ioe_status (*init)(const struct ioe_host *host, const struct ioe_job *job, void **inst);
    void (*cleanup)(void *inst);             /* [job; nothing in flight] Ends the instance. */
    ioe_status (*get_caps)(void *inst, struct ioe_caps *caps); /* [job; after init] Optional. */
    /* [job] IOE_OPENED, IOE_OPEN_HOST or -errno, nothing else. Absent or IOE_OPEN_HOST:
     * the host opens the path. */
    ioe_status (*open_file)(void *inst, struct ioe_file *file);
    /* [job] Before the host closes a descriptor of its own. */
    ioe_status (*close_file)(void *inst, struct ioe_file *file);
    /* [job] Fills size and block_size. */
    ioe_status (*get_file_size)(void *inst, struct ioe_file *file);
    /* [job; before the start] Once for each unit. */
    ioe_status (*io_init)(void *inst, struct ioe_io *io);
    void (*io_free)(void *inst, struct ioe_io *io); /* [job; after the end] Once for each unit. */
    /* [job; files open, units made: register here] Optional. */
    ioe_status (*start)(void *inst);
    /* [job; before each queue()] Must be repeatable. */
    ioe_status (*prep)(void *inst, struct ioe_io *io);
    int32_t (*queue)(void *inst, struct ioe_io *io); /* [job] REQUIRED: IOE_Q_* or -errno. */
    /* [job] Submits what queue() took. < 0 ends the job; each unit taken still comes back with
     * its error. After Busy: commit (if present), reap at least one, offer again. Out of resources
     * with nothing in flight: block, or complete with EAGAIN, never Busy. */
    ioe_status (*commit)(void *inst);
    /* [job] REQUIRED without IOE_F_SYNC: hands back n units, min <= n <= max unless the
     * timeout (< 0 = none, 0 = do not wait) ran out; the host never asks for a min above what is
     * committed and not handed back. -EINTR never crosses. */
    int32_t (*getevents)(void *inst,
                         uint32_t min,
                         uint32_t max,
                         int64_t timeout_ns,
                         struct ioe_io **out);
    int32_t (*cancel)(void *inst, struct ioe_io *io); /* [job] Optional. */
    void (*terminate)(void *inst);           /* [any] Set a flag, wake a blocked callback. */
    /* [job; before reuse] error or vendor_status != 0: words for it. */
    ioe_status (*errdetails)(void *inst, const struct ioe_io *io, char *buf, size_t cap);
    /* [any; inst may be NULL] An engine extension by id; null = unknown. */
    const void *(*get_extension)(void *inst, const char *id);
};

/* Engine side, iodyno.iomem/1: the engine allocates or registers buffers. */
struct ioe_iomem_1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* Null = the host allocates. */
    void *(*alloc)(void *inst, size_t size, size_t align, int32_t numa_node);
    void (*free)(void *inst, void *p, size_t size); /* Gives back what alloc gave. */
    /* Before start: register this region, which stays valid until cleanup. */
    ioe_status (*add)(void *inst, void *base, uint64_t len, uint32_t buf_index);
};

/* Where iodyno.identify/1 puts one fact. Never null. */
typedef void (*ioe_put_fn)(void *sink, const char *key, const char *value);

/* Engine side, iodyno.identify/1: model, serial, firmware ... into the report. */
struct ioe_identify_1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* Calls put once for each fact. */
    ioe_status (*get)(void *inst, struct ioe_file *file, void *sink, ioe_put_fn put);
};

/* One zone of a device. Positions are bytes from the device's begin. */
struct ioe_zone {
    uint32_t struct_size;
    uint32_t kind;                           /* IOE_ZONE_CONVENTIONAL .. IOE_ZONE_SEQ_PREFERRED. */
    uint32_t cond;                           /* IOE_ZONE_NOT_WP .. IOE_ZONE_OFFLINE. */
    uint32_t reserved;
    uint64_t start;                          /* Where it begins. */
    uint64_t len;                            /* To the begin of the next one. */
    uint64_t capacity;                       /* What can be written of it. */
    /* Where the next write has to begin; without a meaning where there is no pointer. */
    uint64_t wp;
};

/* Where iodyno.zbd/1 puts one zone. Never null. */
typedef void (*ioe_put_zone_fn)(void *sink, const struct ioe_zone *zone);

/* Engine side, iodyno.zbd/1: zones of a target that is open, where the engine reaches them in
 * its own way. job, all four; never while a request to the same zone is in flight. A null
 * pointer, or -EOPNOTSUPP: the host asks the kernel, if the target is a block device. */
struct ioe_zbd_1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* Zones that may be open, and open or partly written, at once; 0 = as many as there are. */
    ioe_status (*limits)(void *inst, struct ioe_file *file, uint32_t *max_open, uint32_t *max_active);
    /* Calls put for up to max zones, in order, from the one that offset lies in. A target
     * without zones: none, and 0. */
    ioe_status (*report)(void *inst,
                         struct ioe_file *file,
                         uint64_t offset,
                         uint32_t max,
                         void *sink,
                         ioe_put_zone_fn put);
    /* Empties the zone that begins at offset. */
    ioe_status (*reset)(void *inst, struct ioe_file *file, uint64_t offset);
    /* Makes the zone that begins at offset full. */
    ioe_status (*finish)(void *inst, struct ioe_file *file, uint64_t offset);
};

/* Host side, iodyno.stack/1: the engine named by option number opt, for wrappers. A wrapper
 * keeps shadow ioe_io / ioe_file for the inner engine and reports the inner's caps in its
 * own get_caps. Both answer inside of the wrapper's init, on its thread; so the inner init
 * is called there as well, with the wrapper's own host table and the job that stands here. */
struct ioe_stack_1 {
    uint32_t struct_size;
    uint32_t reserved;
    /* The inner engine; null where the option names none. */
    const struct ioe_ops *(*ops)(void *ctx, uint32_t opt);
    /* The job as the inner engine is to see it; null likewise. */
    const struct ioe_job *(*job)(void *ctx, uint32_t opt);
};

/* Computed by the plugin's own compiler: catches -m32, -fpack-struct, an edited header. The host
 * wants equal offsets and sizes of at least those of 1.0. */
struct ioe_layout {
    uint32_t struct_size;
    uint16_t ptr;                            /* sizeof(void *). */
    uint16_t endian;                         /* 0x0102 as stored by the plugin's machine. */
    uint16_t io_size;                        /* sizeof(struct ioe_io). */
    uint16_t io_engine_data;                 /* offsetof(struct ioe_io, engine_data). */
    uint16_t file_size;                      /* sizeof(struct ioe_file). */
    uint16_t option_choices;                 /* offsetof(struct ioe_option, choices). */
    uint16_t value_v;                        /* offsetof(struct ioe_value, v). */
    uint16_t host_get_extension;             /* offsetof(struct ioe_host, get_extension). */
    uint16_t job_n_opts;                     /* offsetof(struct ioe_job, n_opts). */
    uint16_t ops_get_extension;              /* offsetof(struct ioe_ops, get_extension). */
};

/* What the entry returns: the plugin, its engines, its layout. */
struct ioe_plugin {
    uint64_t magic;                          /* IOE_MAGIC, checked before anything else is read. */
    uint32_t struct_size;
    uint16_t abi_major;                      /* Of the header that this was compiled with. */
    uint16_t abi_minor;                      /* Of the header that this was compiled with. */
    uint16_t need_minor;                     /* The oldest host minor that it can work with. */
    uint16_t reserved;
    uint32_t n_engines;                      /* Number of engines. */
    const char *id;                          /* Reverse DNS: "com.acme.sg". */
    const char *vendor;                      /* Who made it. */
    const char *version;                     /* The plugin's own version. */
    const char *license;                     /* SPDX expression, or null. */
    const char *url;                         /* Where to ask, or null. */
    const struct ioe_ops *const *engines;    /* n_engines pointers. */
    /* As the plugin's compiler computed it: IOE_LAYOUT_INIT in C. */
    const struct ioe_layout *layout;
    /* Optional: once per process, before any init. */
    ioe_status (*setup)(const struct ioe_host *host);
    void (*teardown)(void);                  /* Optional: once, after the last cleanup. */
};

/* The entry. Null and a text in err = refusal. Must tolerate repeated calls. */
typedef const struct ioe_plugin *(*ioe_plugin_entry_v1_fn)(const struct ioe_host *host,
                                                           char *err,
                                                           size_t errcap);

/* The value of a plugin's struct ioe_layout, computed by the plugin's own compiler. */
#define IOE_LAYOUT_INIT { sizeof(struct ioe_layout), sizeof(void *), 0x0102, \
    sizeof(struct ioe_io), offsetof(struct ioe_io, engine_data), sizeof(struct ioe_file), \
    offsetof(struct ioe_option, choices), offsetof(struct ioe_value, v), \
    offsetof(struct ioe_host, get_extension), offsetof(struct ioe_job, n_opts), \
    offsetof(struct ioe_ops, get_extension) }

/* The one exported symbol; the major is in its name. NULL and a text in err = refusal.
 * Must tolerate repeated calls. */
IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
                                                        size_t errcap);

#if UINTPTR_MAX == UINT64_MAX && (defined(__cplusplus) ? __cplusplus >= 201103L : \
    defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#ifdef __cplusplus
#define IOE_ASSERT(condition, name) static_assert(condition, name)
#else
#define IOE_ASSERT(condition, name) _Static_assert(condition, name)
#endif
IOE_ASSERT(sizeof(struct ioe_file) == 48, "ioe_file");
IOE_ASSERT(offsetof(struct ioe_file, engine_data) == 40, "ioe_file.engine_data");
IOE_ASSERT(sizeof(struct ioe_io) == 96, "ioe_io");
IOE_ASSERT(offsetof(struct ioe_io, engine_data) == 88, "ioe_io.engine_data");
IOE_ASSERT(sizeof(struct ioe_choice) == 32, "ioe_choice");
IOE_ASSERT(offsetof(struct ioe_choice, help) == 24, "ioe_choice.help");
IOE_ASSERT(sizeof(struct ioe_option) == 88, "ioe_option");
IOE_ASSERT(offsetof(struct ioe_option, choices) == 80, "ioe_option.choices");
IOE_ASSERT(sizeof(struct ioe_value) == 24, "ioe_value");
IOE_ASSERT(offsetof(struct ioe_value, v) == 16, "ioe_value.v");
IOE_ASSERT(sizeof(struct ioe_host) == 88, "ioe_host");
IOE_ASSERT(offsetof(struct ioe_host, get_extension) == 80, "ioe_host.get_extension");
IOE_ASSERT(sizeof(struct ioe_job) == 64, "ioe_job");
IOE_ASSERT(offsetof(struct ioe_job, reserved) == 60, "ioe_job.reserved");
IOE_ASSERT(sizeof(struct ioe_caps) == 40, "ioe_caps");
IOE_ASSERT(offsetof(struct ioe_caps, reserved) == 36, "ioe_caps.reserved");
IOE_ASSERT(sizeof(struct ioe_ops) == 184, "ioe_ops");
IOE_ASSERT(offsetof(struct ioe_ops, get_extension) == 176, "ioe_ops.get_extension");
IOE_ASSERT(sizeof(struct ioe_iomem_1) == 32, "ioe_iomem_1");
IOE_ASSERT(offsetof(struct ioe_iomem_1, add) == 24, "ioe_iomem_1.add");
IOE_ASSERT(sizeof(struct ioe_identify_1) == 16, "ioe_identify_1");
IOE_ASSERT(offsetof(struct ioe_identify_1, get) == 8, "ioe_identify_1.get");
IOE_ASSERT(sizeof(struct ioe_zone) == 48, "ioe_zone");
IOE_ASSERT(offsetof(struct ioe_zone, wp) == 40, "ioe_zone.wp");
IOE_ASSERT(sizeof(struct ioe_zbd_1) == 40, "ioe_zbd_1");
IOE_ASSERT(offsetof(struct ioe_zbd_1, finish) == 32, "ioe_zbd_1.finish");
IOE_ASSERT(sizeof(struct ioe_stack_1) == 24, "ioe_stack_1");
IOE_ASSERT(offsetof(struct ioe_stack_1, job) == 16, "ioe_stack_1.job");
IOE_ASSERT(sizeof(struct ioe_layout) == 24, "ioe_layout");
IOE_ASSERT(offsetof(struct ioe_layout, ops_get_extension) == 22, "ioe_layout.ops_get_extension");
IOE_ASSERT(sizeof(struct ioe_plugin) == 96, "ioe_plugin");
IOE_ASSERT(offsetof(struct ioe_plugin, teardown) == 88, "ioe_plugin.teardown");
#undef IOE_ASSERT
#endif
#ifdef __cplusplus
}
#endif
#endif
