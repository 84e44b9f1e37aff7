package edge

import (
	"io"
	"net/http"

	"tienda/internal/trace"
)

// Values that every answer carries, made once: a header map takes slices.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	deny       = []string{"DENY"}
	nothing    = []string{"default-src 'none'; frame-ancestors 'none'"}
	sameOrigin = []string{"same-origin"}
	noStore    = []string{"no-store"}
	onlyHTTPS  = []string{"max-age=31536000"}
)

// secure sets the headers that every answer carries. What may be kept says so
// itself (package cache, and apps of their own answers).
func secure(h http.Header, requestID string, https bool) {
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	h["Cache-Control"] = noStore
	if https {
		h["Strict-Transport-Security"] = onlyHTTPS
	}
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = noReferrer
	h["X-Frame-Options"] = deny
	h["Content-Security-Policy"] = nothing
	h[trace.HeaderRequestID] = []string{requestID}
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (x *exchange) Write(b []byte) (int, error) {
	x.begun()
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// ReadFrom lets the server's own writer copy with its pooled buffers.
func (x *exchange) ReadFrom(src io.Reader) (int64, error) {
	x.begun()
	n, err := io.Copy(x.ResponseWriter, src)
	x.bytes += n
	return n, err
}

func (x *exchange) begun() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
