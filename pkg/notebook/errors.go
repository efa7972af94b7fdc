package notebook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// TraceVariable is the environment variable that makes [Catch] print the whole
// stack of a panic: %env NOISEBOOK_TRACE 1
const TraceVariable = "NOISEBOOK_TRACE"

// Check ends the cell with one line when err is not nil.
func Check(err error) {
	if err != nil {
		fail(err, 2)
	}
}

// Must returns a value, or ends the cell with one line when err is not nil.
func Must[T any](value T, err error) T {
	if err != nil {
		fail(err, 2)
	}
	return value
}

// Catch turns a panic of the cell into one line. Defer it first:
//
//	defer notebook.Catch()
//
// It sees panics of the cell's own goroutine only.
func Catch() {
	recovered := recover()
	if recovered == nil {
		return
	}
	if os.Getenv(TraceVariable) != "" {
		fmt.Fprintf(output, "%s\n", debug.Stack())
	}
	if err, ok := recovered.(error); ok {
		fail(fmt.Errorf("panic: %w", err), 4)
	}
	fail(fmt.Errorf("panic: %v", recovered), 4)
}

// Replaced in tests.
var (
	exit                  = os.Exit
	errorOutput io.Writer = os.Stderr
)

// fail prints the error and where in the cell it came up, and ends the cell. skip
// counts the stack frames above fail that cannot be in the cell.
func fail(err error, skip int) {
	flush()
	fmt.Fprintf(errorOutput, "%s\n", errorLine(err))
	if at := cellPosition(skip); at != "" {
		fmt.Fprintf(errorOutput, "  at %s\n", at)
	}
	exit(1)
}

// errorLine is an error as one line that GoNB's parser of standard error lets
// through: a source position behind two colons would make the kernel exit.
func errorLine(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted; run the cell again to go on from the last checkpoint"
	}
	line := strings.Join(strings.Fields(err.Error()), " ")
	return "error: " + strings.ReplaceAll(line, ".go:", ".go line ")
}

// cellPosition finds the innermost frame inside the cell's own file. GoNB
// rewrites the position, alone on its line, to the cell's number and line.
func cellPosition(skip int) string {
	folder := os.Getenv(protocol.GONB_TMP_DIR_ENV)
	if folder == "" {
		return ""
	}
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(skip+1, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.File, folder+string(os.PathSeparator)) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return ""
		}
	}
}
