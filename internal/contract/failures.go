package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"tienda/internal/fault"
)

// longestReason keeps a bad value that a message quotes from filling an answer.
const longestReason = 160

var printer = message.NewPrinter(language.English)

// failures turns a validation error into the fields that it is about.
func failures(err error) []fault.Field {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		if err != nil {
			return []fault.Field{{Name: "", Reason: "cannot be checked"}}
		}
		return nil
	}
	var out []fault.Field
	collect(v, &out)
	return out
}

func collect(v *jsonschema.ValidationError, out *[]fault.Field) {
	at := pointer(v.InstanceLocation)
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			*out = append(*out, fault.Field{Name: at + "/" + escape(name), Reason: "is required"})
		}
		return
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*out = append(*out, fault.Field{Name: at + "/" + escape(name), Reason: "is not a known field"})
		}
		return
	case *kind.Type:
		*out = append(*out, fault.Field{Name: at, Reason: fmt.Sprintf("is %s, must be %s", k.Got, strings.Join(k.Want, " or "))})
		return
	case notWhole:
		// What is no integer in the schema's eyes either has been said to be of
		// the wrong type.
		if i := len(*out) - 1; i < 0 || (*out)[i].Name != at {
			*out = append(*out, fault.Field{Name: at, Reason: k.LocalizedString(printer)})
		}
		return
	case *kind.Pattern:
		*out = append(*out, fault.Field{Name: at, Reason: "does not match " + k.Want})
		return
	case *kind.Format:
		*out = append(*out, fault.Field{Name: at, Reason: "is not a valid " + k.Want})
		return
	}
	if len(v.Causes) > 0 {
		for _, c := range v.Causes {
			collect(c, out)
		}
		return
	}
	reason := v.ErrorKind.LocalizedString(printer)
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "") + "…"
	}
	*out = append(*out, fault.Field{Name: at, Reason: reason})
}

func pointer(location []string) string {
	var b strings.Builder
	for _, part := range location {
		b.WriteByte('/')
		b.WriteString(escape(part))
	}
	return b.String()
}

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}
