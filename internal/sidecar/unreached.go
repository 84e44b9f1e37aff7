package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"tienda/internal/problem"
)

// Unreached says whether an answer is no app's: the sidecar's own word that it could not
// reach one, or that of a replica which sends its callers elsewhere.
func Unreached(resp *http.Response, body []byte) bool {
	if resp.Header.Get(problem.HeaderElsewhere) != "" {
		return true
	}
	if resp.StatusCode < 500 || resp.Header.Get("Content-Type") == problem.ContentType {
		return false
	}
	var e struct {
		Code string `json:"errorCode"`
	}
	return json.Unmarshal(body, &e) == nil && e.Code != ""
}

// notDone marks an error of a request that no app has begun with.
type notDone struct{ error }

// What a sidecar says of a request that was given to no app: Dapr has one code for that and
// for a connection that broke on the way. The texts are those of Dapr 1.18
// (pkg/messages, net.Dial); tests/operations holds them.
var refusals = []string{
	"app is not in a healthy state", // the app's sidecar knows that it is leaving
	"connect: connection refused",   // of the app, or of its sidecar
}

// Said makes an error of an answer that is Unreached.
func Said(resp *http.Response, body []byte) error {
	err := fmt.Errorf("%s: %.300s", resp.Status, body)
	if resp.Header.Get(problem.HeaderElsewhere) != "" {
		return notDone{err}
	}
	for _, r := range refusals {
		if strings.Contains(string(body), r) {
			return notDone{err}
		}
	}
	return err
}

// NotDone says of the error of a call, or of a round trip to the sidecar, that nothing can
// have been done: any request may be made again.
func NotDone(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return errors.As(err, &notDone{})
}
