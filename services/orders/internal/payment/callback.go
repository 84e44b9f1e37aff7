package payment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"tienda/internal/fault"
)

// CallbackAge is how far a callback's time stamp may lie from now.
const CallbackAge = 5 * time.Minute

// ErrSignature refuses a callback that is not the provider's, or too old.
var ErrSignature = fault.New(fault.Unauthenticated, "signature_invalid", "The signature is not the provider's, or too old.")

// Sign gives what stands in the header Payment-Signature of a callback:
// "t=<Unix seconds>,v1=<hex>", the HMAC-SHA256 of "<Unix seconds>.<body>".
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, t, body))
}

// Verify says whether a header is the signature of a body, in constant time, and not
// older than CallbackAge. Other fields of the header are let be; of several v1, while
// the secret changes, one is enough.
func Verify(secret, body []byte, header string, now time.Time) error {
	var stamp string
	var given [][]byte
	for field := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "t":
			stamp = value
		case "v1":
			if b, err := hex.DecodeString(value); err == nil && len(given) < 4 {
				given = append(given, b)
			}
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(secret) == 0 {
		return ErrSignature
	}
	good := false
	want := mac(secret, stamp, body)
	for _, g := range given {
		good = hmac.Equal(g, want) || good
	}
	if age := now.Sub(time.Unix(seconds, 0)); !good || age.Abs() > CallbackAge {
		return ErrSignature
	}
	return nil
}

func mac(secret []byte, stamp string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(stamp + "."))
	h.Write(body)
	return h.Sum(nil)
}
