package contract

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tienda/internal/fault"
)

// Form is the media type of the requests that OAuth 2.0 has.
const Form = "application/x-www-form-urlencoded"

// FromForm gives the body of a request as JSON: as it is, or, where it is a
// form and the operation takes one, as an object of strings. The error is a
// *fault.Error that names a field that is there twice.
func (o *Operation) FromForm(r *http.Request, body []byte) ([]byte, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if _, takes := o.bodies[Form]; media != Form || !takes || len(body) == 0 {
		return body, nil
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.BadField("", "is not a well-formed form")
	}
	var twice []fault.Field
	fields := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) > 1 {
			twice = append(twice, fault.Field{Name: "/" + name, Reason: "is given more than once"})
		}
		fields[name] = v[0]
	}
	if len(twice) > 0 {
		slices.SortFunc(twice, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
		return nil, fault.BadFields(twice...)
	}
	return json.Marshal(fields)
}
