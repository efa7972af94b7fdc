package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// stallTimeout ends a download that has not delivered a byte for so long.
const stallTimeout = time.Minute

var client = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	TLSHandshakeTimeout:   10 * time.Second,
	ResponseHeaderTimeout: 30 * time.Second,
	ForceAttemptHTTP2:     true,
	// What is checked are the bytes of the file itself, so none may be unpacked on the way.
	DisableCompression: true,
}}

// URL is the address of a file, read with HTTP GET. An unknown host and a refusal (4xx, except 408 and 429) are
// permanent errors, so that a machine without a network does not wait for its retries.
type URL string

func (u URL) String() string { return string(u) }

// Open implements [Source].
func (u URL) Open(ctx context.Context, _ string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, string(u), nil)
	if err != nil {
		cancel(nil)
		return nil, 0, Permanent(err)
	}
	response, err := client.Do(request)
	if err != nil {
		cancel(nil)
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return nil, 0, Permanent(fmt.Errorf("unknown host %s (no network?)", request.URL.Hostname()))
		}
		return nil, 0, errors.Unwrap(err) // without the address, which the caller names
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		cancel(nil)
		err := fmt.Errorf("server answers %s", response.Status)
		if code := response.StatusCode; code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests {
			err = Permanent(err)
		}
		return nil, 0, err
	}
	body := &stallingBody{body: response.Body, ctx: ctx, cancel: cancel}
	body.timer = time.AfterFunc(stallTimeout, func() {
		cancel(fmt.Errorf("no data for %s", stallTimeout))
	})
	return body, response.ContentLength, nil
}

// stallingBody ends the request when no byte arrives for [stallTimeout].
type stallingBody struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	close  sync.Once
}

func (b *stallingBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > 0 {
		b.timer.Reset(stallTimeout)
	}
	if err != nil && err != io.EOF && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *stallingBody) Close() (err error) {
	b.close.Do(func() {
		b.timer.Stop()
		err = b.body.Close()
		b.cancel(nil)
	})
	return err
}
