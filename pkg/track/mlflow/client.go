package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Credentials are what a server with authentication asks for. A token wins over
// a name and password. They appear in no message and no file.
type Credentials struct{ Username, Password, Token string }

// String keeps the secrets out of messages.
func (Credentials) String() string { return "(hidden)" }

// GoString keeps the secrets out of messages.
func (Credentials) GoString() string { return "(hidden)" }

const (
	attempts      = 6                      // of a request
	firstBackoff  = 250 * time.Millisecond // doubled after each attempt
	longestWait   = time.Minute            // that a server may ask for by Retry-After
	answerTimeout = 2 * time.Minute        // for the headers of an answer; a proxied upload goes on to another store
	answerLimit   = 64 << 20               // bytes of a JSON answer
)

// client speaks MLflow's REST protocol.
type client struct {
	base        string // without a slash at the end
	credentials Credentials
	http        *http.Client
	backoff     time.Duration
	reached     atomic.Bool // the server has answered once
}

// newClient checks the address. Name and password in it serve as credentials and
// are taken out, so that no message shows them.
func newClient(address string, credentials Credentials) (*client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("mlflow: the server's address must look like http://127.0.0.1:5000, without a path but for a prefix of the server")
	}
	if u.User != nil {
		if credentials == (Credentials{}) {
			credentials.Username = u.User.Username()
			credentials.Password, _ = u.User.Password()
		}
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	return &client{
		base: strings.TrimRight(u.String(), "/"), credentials: credentials,
		http: &http.Client{Transport: transport}, backoff: firstBackoff,
	}, nil
}

// apiError is an answer other than success.
type apiError struct {
	Status  int
	Code    string        `json:"error_code"`
	Message string        `json:"message"`
	wait    time.Duration // asked for by Retry-After
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("the MLflow server answered %d %s", e.Status, http.StatusText(e.Status))
	// A server's message may hold the statement that failed; its first line says it.
	if line, _, _ := strings.Cut(e.Message, "\n"); line != "" {
		text += ": " + line
	}
	return text
}

func hasCode(err error, code string) bool {
	var api *apiError
	return errors.As(err, &api) && api.Code == code
}

// notSent marks failures before a request reached the server.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// call sends JSON and reads the answer into out, which may be nil. It may be
// carried out more than once.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	return c.retry(ctx, func(bool) error { return c.once(ctx, method, path, in, out) })
}

// retry calls attempt until it succeeds, fails for good or has been tried often
// enough. unsure says that an earlier attempt may have been carried out although
// no answer came.
func (c *client) retry(ctx context.Context, attempt func(unsure bool) error) error {
	unsure, wait := false, c.backoff
	for try := 1; ; try++ {
		err := attempt(unsure)
		pause, again := retryable(err)
		var before notSent
		sent := !errors.As(err, &before)
		// A server that never answered is rather not there than busy.
		if err == nil || !again || try == attempts || ctx.Err() != nil || !sent && !c.reached.Load() {
			return c.explain(err)
		}
		unsure = unsure || sent
		// Jitter keeps several exporters from coming back together.
		pause = max(pause, time.Duration(float64(wait)*(0.75+0.5*rand.Float64())))
		wait *= 2
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// retryable says whether another attempt may succeed, and how long the server
// asked to wait.
func retryable(err error) (time.Duration, bool) {
	var final *explained
	var api *apiError
	if errors.As(err, &final) {
		return 0, false
	}
	if errors.As(err, &api) {
		return api.wait, api.Status == http.StatusTooManyRequests || api.Status == http.StatusRequestTimeout || api.Status >= 500
	}
	var network *networkError
	return 0, errors.As(err, &network)
}

// serverError says that there is something else at the address.
type serverError struct{ text string }

func (e *serverError) Error() string { return e.text }

// networkError is a request without an answer.
type networkError struct{ cause error }

func (e *networkError) Error() string { return e.cause.Error() }
func (e *networkError) Unwrap() error { return e.cause }

// explained is an error that was tried often enough, as one line that says what
// to do.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// explain says what to do about an error.
func (c *client) explain(err error) error {
	var done *explained
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &done) {
		return err
	}
	text := err.Error()
	var api *apiError
	var network *networkError
	var op *net.OpError
	switch {
	case errors.As(err, &network) && errors.As(err, &op) && op.Op == "dial":
		text = fmt.Sprintf("no MLflow server can be reached at %s (%v): start it, or check the address", c.base, op.Err)
	case errors.As(err, &network):
		text = fmt.Sprintf("the MLflow server at %s broke off (%v): the same export goes on where it stopped", c.base, err)
	case errors.As(err, &api) && api.Status == http.StatusUnauthorized:
		text = fmt.Sprintf("the MLflow server at %s refuses these credentials: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN", c.base)
	case errors.As(err, &api) && api.Status == http.StatusForbidden:
		text = fmt.Sprintf("the MLflow server at %s does not permit this: %v", c.base, err)
	case errors.As(err, &api) && api.Status >= 500:
		text += "; the same export goes on where it stopped"
	}
	return &explained{text, err}
}

// once sends a request a single time.
func (c *client) once(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := c.send(ctx, method, "/api/2.0/"+path, bytes.NewReader(body), int64(len(body)), "application/json")
	if err != nil {
		return err
	}
	defer answer.Close()
	data, err := io.ReadAll(io.LimitReader(answer, answerLimit))
	if err != nil {
		return &networkError{err}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &serverError{c.base + " is no MLflow server: its answer is not JSON"}
	}
	return nil
}

// send returns the body of a successful answer.
func (c *client) send(ctx context.Context, method, path string, body io.Reader, length int64, contentType string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	request.ContentLength = length
	if length == 0 {
		request.Body = http.NoBody
	}
	request.Header.Set("Content-Type", contentType)
	switch {
	case c.credentials.Token != "":
		request.Header.Set("Authorization", "Bearer "+c.credentials.Token)
	case c.credentials.Username != "":
		request.SetBasicAuth(c.credentials.Username, c.credentials.Password)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		var op *net.OpError
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = &networkError{withoutURL(err)}
		if errors.As(err, &op) && op.Op == "dial" {
			err = notSent{err}
		}
		return nil, err
	}
	c.reached.Store(true)
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	failure := &apiError{}
	if data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20)); err == nil {
		if json.Unmarshal(data, failure) != nil && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
			failure.Message = string(data[:min(len(data), 200)])
		}
	}
	failure.Status = answer.StatusCode
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failure.wait = min(time.Duration(seconds)*time.Second, longestWait)
	}
	if failure.Status == http.StatusTooManyRequests {
		return nil, notSent{failure}
	}
	return nil, failure
}

// withoutURL drops the address that net/http puts before its errors: ours say it once.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
