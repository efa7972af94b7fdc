// The few entries of PJRT's C interface that the cache of programs calls. The
// whole of it is pjrt_c_api.h of OpenXLA; its layout only ever grows at the end
// while the major version stays. A test compares these positions with go-xla's copy.
#ifndef NOISEBOOK_PJRT_H
#define NOISEBOOK_PJRT_H

#include <stddef.h>

enum { PJRT_MAJOR = 0 };

// Every function takes a pointer to its arguments and returns NULL or an error.
typedef void *pjrt_function(void *arguments);

// Positions in the table of functions.
enum {
	PJRT_ERROR_DESTROY = 0,
	PJRT_PLUGIN_INITIALIZE = 3,
	PJRT_CLIENT_CREATE = 10,
	PJRT_CLIENT_COMPILE = 20,
	PJRT_EXECUTABLE_DESTROY = 40,
	PJRT_EXECUTABLE_SERIALIZE = 49,
	PJRT_LOADED_EXECUTABLE_GET_EXECUTABLE = 51,
	PJRT_EXECUTABLE_DESERIALIZE_AND_LOAD = 56,
	PJRT_POSITIONS_USED
};

typedef struct {
	size_t struct_size;
	void *extension_start;
	struct {
		size_t struct_size;
		void *extension_start;
		int major, minor;
	} version;
	pjrt_function *functions[PJRT_POSITIONS_USED]; // and more
} pjrt_table;

typedef struct {
	size_t struct_size;
	void *extension_start;
	void *error;
} pjrt_error_destroy;

typedef struct {
	size_t struct_size;
	void *extension_start;
} pjrt_plugin_initialize;

typedef void *PJRT_KeyValueGetCallback, *PJRT_KeyValuePutCallback, *PJRT_KeyValueTryGetCallback; // never used

typedef struct {
	size_t struct_size;
	void *extension_start;
	const void *create_options;
	size_t num_options;
	PJRT_KeyValueGetCallback kv_get_callback;
	void *kv_get_user_arg;
	PJRT_KeyValuePutCallback kv_put_callback;
	void *kv_put_user_arg;
	void *client; // out
	PJRT_KeyValueTryGetCallback kv_try_get_callback;
	void *kv_try_get_user_arg;
} pjrt_client_create;

typedef struct {
	size_t struct_size;
	void *extension_start;
	char *code;
	size_t code_size;
	const char *format;
	size_t format_size;
} pjrt_program;

typedef struct {
	size_t struct_size;
	void *extension_start;
	void *client;
	const pjrt_program *program;
	const char *options;
	size_t options_size;
	void *executable; // out
} pjrt_client_compile;

typedef struct {
	size_t struct_size;
	void *extension_start;
	void *loaded;
	void *executable; // out
} pjrt_get_executable;

typedef struct {
	size_t struct_size;
	void *extension_start;
	void *executable;
} pjrt_executable_destroy;

typedef struct {
	size_t struct_size;
	void *extension_start;
	const void *executable;
	const char *bytes; // out
	size_t bytes_size; // out
	void *owner;       // out
	void (*release)(void *owner);
} pjrt_executable_serialize;

typedef struct {
	size_t struct_size;
	void *extension_start;
	void *client;
	const char *bytes;
	size_t bytes_size;
	void *loaded; // out
	const char *options;
	size_t options_size;
} pjrt_deserialize_and_load;

// pjrt_interpose loads a plugin and returns a copy of its table whose compile
// function is noisebook_compile, or NULL when the plugin cannot be loaded, is of
// another version or lacks a function.
pjrt_table *pjrt_interpose(const char *path);

// pjrt_compile_alone loads a plugin, compiles one program with it and writes that
// down. It returns 0 when it could.
int pjrt_compile_alone(const char *path, const char *format, size_t format_size, const char *options, size_t options_size,
                       char *code, size_t code_size, pjrt_executable_serialize *written);

// pjrt_compile is the plugin's own compile function.
void *pjrt_compile(pjrt_client_compile *arguments);

// pjrt_serialize writes a loaded program down. It returns 0 when it could; then
// written->release(written->owner) frees the bytes.
int pjrt_serialize(void *loaded, pjrt_executable_serialize *written);
void pjrt_release(pjrt_executable_serialize *written);

// pjrt_load makes a loaded program of what pjrt_serialize wrote, or returns NULL.
void *pjrt_load(void *client, const char *bytes, size_t size);

#endif
