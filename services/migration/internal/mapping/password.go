package mapping

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// hashForms are what a hash looks like in each format that users can take over. What
// does not look so may be a password in plain.
var hashForms = map[string]*regexp.Regexp{
	"argon2id": regexp.MustCompile(`^\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$`),
	"bcrypt":   regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-2])\$[./A-Za-z0-9]{53}$`),
	"md5":      regexp.MustCompile(`^[0-9A-Fa-f]{32}$`),
	"sha1":     regexp.MustCompile(`^[0-9A-Fa-f]{40}$`),
	"sha256":   regexp.MustCompile(`^[0-9A-Fa-f]{64}$`),
	"sha512":   regexp.MustCompile(`^[0-9A-Fa-f]{128}$`),
}

// passwordOp makes a password_hash of users. There is no operation for a password
// itself.
func (p *parser) passwordOp(at *child, n *yaml.Node) *op {
	o, ok := p.object(n, "password")
	if !ok {
		return &op{}
	}
	hash, salt, format := o.take("hash"), o.take("salt"), o.take("format")
	placement := o.oneOf("placement", "", "before", "after")
	o.done("password")
	if hash == nil || format == nil {
		p.add(n.Line, "password: needs hash, the column of the hash, and format; a password itself cannot be mapped")
		return &op{}
	}
	h := p.column(at, hash, asHash)
	out := &op{uses: []use{h}}
	var formatOf *op
	if format.Kind == yaml.ScalarNode {
		formatOf = p.constOp(at, format)
	} else if formatOf = p.value(at, format, "format"); formatOf == nil {
		return out
	}
	for _, v := range formatOf.values {
		if t, ok := v.(string); !ok || hashForms[t] == nil {
			p.add(format.Line, "password: format %v is none that users can take over", v)
		}
	}
	if formatOf.values == nil {
		p.add(format.Line, "password: format is the name of one, or an enum")
	}
	out.uses = append(out.uses, formatOf.uses...)
	var saltOf *use
	if salt != nil {
		u := p.column(at, salt, asText)
		u.salt = true
		saltOf = &u
		out.uses = append(out.uses, u)
	} else if placement != "" {
		p.add(n.Line, "password: placement without a salt")
	}
	out.eval = func(s *scope) (any, error) { return passwordHash(s, h, formatOf, saltOf, placement) }
	return out
}

func passwordHash(s *scope, hash use, formatOf *op, saltOf *use, placement string) (any, error) {
	v, err := hash.value(s)
	if err != nil || v == nil {
		return nil, err
	}
	f, err := formatOf.eval(s)
	if err != nil {
		return nil, err
	}
	format, _ := f.(string)
	t, err := text(v)
	if err != nil {
		return nil, hash.bad("%s", err)
	}
	t = strings.TrimSpace(t)
	if t == "" {
		return nil, nil
	}
	if form := hashForms[format]; form == nil || !form.MatchString(t) {
		return nil, hash.bad("is not a hash of the format %s", format)
	}
	doc := members{{"format", format}, {"hash", t}}
	if saltOf == nil {
		return doc, nil
	}
	got, err := texts(s, []use{*saltOf})
	if err != nil {
		return nil, err
	}
	if got[0] != nil && *got[0] != "" {
		doc = append(doc, member{"salt", *got[0]})
		if placement != "" {
			doc = append(doc, member{"salt_placement", placement})
		}
	}
	return doc, nil
}
