//go:build linux && (amd64 || arm64)

#include "pjrt.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// noisebook_compile is in interpose.go.
extern void *noisebook_compile(void *arguments);

// plugin is the table of the one plugin that is interposed.
static const pjrt_table *plugin;

pjrt_table *pjrt_interpose(const char *path) {
	// A plugin stays loaded for the life of the process, as under go-xla.
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (library == NULL) return NULL;
	const pjrt_table *(*entry)(void) = (const pjrt_table *(*)(void))dlsym(library, "GetPjrtApi");
	const pjrt_table *table = entry == NULL ? NULL : entry();
	if (table == NULL || table->version.major != PJRT_MAJOR || table->struct_size < sizeof(pjrt_table)) return NULL;
	static const int used[] = {PJRT_ERROR_DESTROY, PJRT_PLUGIN_INITIALIZE, PJRT_CLIENT_CREATE, PJRT_CLIENT_COMPILE, PJRT_EXECUTABLE_DESTROY, PJRT_EXECUTABLE_SERIALIZE,
	                           PJRT_LOADED_EXECUTABLE_GET_EXECUTABLE, PJRT_EXECUTABLE_DESERIALIZE_AND_LOAD};
	for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
		if (table->functions[used[i]] == NULL) return NULL;
	pjrt_table *copy = malloc(table->struct_size);
	if (copy == NULL) return NULL;
	memcpy(copy, table, table->struct_size);
	copy->functions[PJRT_CLIENT_COMPILE] = noisebook_compile;
	plugin = table;
	return copy;
}

void *pjrt_compile(pjrt_client_compile *arguments) { return plugin->functions[PJRT_CLIENT_COMPILE](arguments); }

// failed frees an error; whoever calls goes on without the cache.
static int failed(void *error) {
	if (error == NULL) return 0;
	pjrt_error_destroy arguments = {sizeof arguments, NULL, error};
	plugin->functions[PJRT_ERROR_DESTROY](&arguments);
	return 1;
}

int pjrt_serialize(void *loaded, pjrt_executable_serialize *written) {
	pjrt_get_executable get = {sizeof get, NULL, loaded, NULL};
	if (failed(plugin->functions[PJRT_LOADED_EXECUTABLE_GET_EXECUTABLE](&get))) return 1;
	memset(written, 0, sizeof *written);
	written->struct_size = sizeof *written;
	written->executable = get.executable;
	int problem = failed(plugin->functions[PJRT_EXECUTABLE_SERIALIZE](written));
	pjrt_executable_destroy destroy = {sizeof destroy, NULL, get.executable};
	failed(plugin->functions[PJRT_EXECUTABLE_DESTROY](&destroy));
	return problem;
}

int pjrt_compile_alone(const char *path, const char *format, size_t format_size, const char *options, size_t options_size,
                       char *code, size_t code_size, pjrt_executable_serialize *written) {
	if (pjrt_interpose(path) == NULL) return 1;
	pjrt_plugin_initialize initialize = {sizeof initialize, NULL};
	if (failed(plugin->functions[PJRT_PLUGIN_INITIALIZE](&initialize))) return 1;
	pjrt_client_create create = {.struct_size = sizeof create};
	if (failed(plugin->functions[PJRT_CLIENT_CREATE](&create))) return 1;
	pjrt_program program = {sizeof program, NULL, code, code_size, format, format_size};
	pjrt_client_compile compile = {sizeof compile, NULL, create.client, &program, options, options_size, NULL};
	if (failed(pjrt_compile(&compile))) return 1;
	return pjrt_serialize(compile.executable, written);
}

void pjrt_release(pjrt_executable_serialize *written) { written->release(written->owner); }

void *pjrt_load(void *client, const char *bytes, size_t size) {
	pjrt_deserialize_and_load arguments = {sizeof arguments, NULL, client, bytes, size, NULL, NULL, 0};
	return failed(plugin->functions[PJRT_EXECUTABLE_DESERIALIZE_AND_LOAD](&arguments)) ? NULL : arguments.loaded;
}
