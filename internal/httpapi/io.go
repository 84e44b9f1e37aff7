package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"tienda/internal/fault"
	"tienda/internal/quickjson"
)

// Var gives a path parameter. The contract has checked it, and mux leaves it
// encoded; IDs, slugs and SKUs need no encoding.
func Var(r *http.Request, name string) string { return mux.Vars(r)[name] }

// Decode reads the JSON body, which the contract has already checked, into v.
func Decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	return unfit(d.Decode(v))
}

// body is that of a request, read and checked.
type body struct {
	*bytes.Reader
	raw []byte
}

func newBody(raw []byte) body { return body{bytes.NewReader(raw), raw} }

// Close does nothing.
func (body) Close() error { return nil }

// DecodeLarge is Decode for large bodies, at a fraction of the price, into a value that is zero,
// where the contract itself refuses fields that are not known: it does not look for them again.
func DecodeLarge[T any](r *http.Request, v *T) error {
	if b, ok := r.Body.(body); ok {
		return unfit(quickjson.Unmarshal(b.raw, v))
	}
	return Decode(r, v)
}

func unfit(err error) error {
	if err != nil {
		name := ""
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field != "" {
			name = "/" + strings.ReplaceAll(wrong.Field, ".", "/")
		}
		return fault.BadField(name, "does not fit this route").Because(err)
	}
	return nil
}

// Write sends v as JSON.
func Write(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return WriteRaw(w, status, b.Bytes())
}

// WriteRaw sends JSON that is already encoded.
func WriteRaw(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if this fails
	return nil
}

// NoContent answers 204.
func NoContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// SetETag states the version of the resource that is sent.
func SetETag(w http.ResponseWriter, version int64) {
	w.Header().Set("ETag", `"`+strconv.FormatInt(version, 10)+`"`)
}

// ErrVersion answers an If-Match that names another version than the stored.
var ErrVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
	"The resource has changed since you read it. Read it again.").At("If-Match", "is not the current version")

// IfMatch gives the version that the request's If-Match demands; 0: none, or
// "*". Compare it with the document's version and answer ErrVersion.
func IfMatch(r *http.Request) (int64, error) {
	v := strings.TrimSpace(r.Header.Get("If-Match"))
	if v == "" || v == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(v, `"`), 10, 64)
	if err != nil || n <= 0 {
		return 0, ErrVersion
	}
	return n, nil
}

// QueryInt gives an integer query parameter, 0 when it is not there. The
// contract has checked that it is one.
func QueryInt(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}
