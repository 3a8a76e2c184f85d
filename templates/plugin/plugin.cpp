#include <flowrun/plugin.h>

#include "@name@.h"

FLOWRUN_PLUGIN("@name@", "0.1.0", registry) { registry.node<@Name@>("@name@"); }
