package ingress

// Pod is the way in as a pod of a cluster: nginx in the place of ingress-nginx's controller,
// with the annotations that give it its sidecar.
type Pod struct {
	Host        string
	Config      string            // nginx.conf
	Annotations map[string]string // of the pod
	Backend     string            // name of the Service that Config sends requests to
}

// ForCluster gives the pod of an overlay. Its certificate and key are in the folder /tls, what
// it writes goes to /data; upstream is the address of its backend. The limits of an address
// are multiplied, as by Loosen.
func ForCluster(root, overlay, headersModule, upstream string, factor int) (*Pod, error) {
	s, err := read(root, overlay)
	if err != nil {
		return nil, err
	}
	s.loosen(factor)
	made, err := derive(s, machine{
		Dir: "/data", Certificate: "/tls/tls.crt", Key: "/tls/tls.key", HeadersModule: headersModule,
		Listen: "0.0.0.0", Upstream: upstream, HTTP: 80, HTTPS: 443, Sidecar: sidecarPort,
	})
	if err != nil {
		return nil, err
	}
	conf, err := made.configuration()
	return &Pod{s.Host, conf, s.pod, s.Backend}, err
}

const sidecarPort = 3500 // of its API, in a pod
