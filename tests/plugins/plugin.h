/* What every plugin of the tests needs: the project's header, an option, the entry.
 * Included once by each plugin. Holds no behaviour: that is each plugin's own. */
#ifndef IODYNO_TEST_PLUGIN_H
#define IODYNO_TEST_PLUGIN_H
#include "iodyno_engine.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION(variable, kind, word, preset, words) \
	static const struct ioe_option variable = { \
		.struct_size = sizeof(struct ioe_option), .type = (kind), .name = (word), \
		.def = (preset), .help = (words), \
	}

/* The plugin with one engine: `table` is its ops table. */
#define PLUGIN_OF(table) PLUGIN_WITH(table, NULL, NULL)

/* The same, with the callbacks of the plugin itself. */
#define PLUGIN_WITH(table, set_up, tear_down) \
	static const struct ioe_ops *const engine_list[] = { &(table) }; \
	static const struct ioe_layout plugin_layout = IOE_LAYOUT_INIT; \
	static const struct ioe_plugin plugin_description = { \
		.magic = IOE_MAGIC, .struct_size = sizeof(struct ioe_plugin), \
		.abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR, .n_engines = 1, \
		.id = "org.iodyno.test", .vendor = "iodyno tests", .version = "1.2.3", \
		.license = "MIT OR Apache-2.0", .engines = engine_list, .layout = &plugin_layout, \
		.setup = (set_up), .teardown = (tear_down), \
	}; \
	IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, \
								char *err, size_t errcap) \
	{ \
		if (host->abi_major == IOE_ABI_MAJOR) \
			return &plugin_description; \
		snprintf(err, errcap, "speaks engine ABI %u alone", (unsigned)IOE_ABI_MAJOR); \
		return NULL; \
	}

#endif
