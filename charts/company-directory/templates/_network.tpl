{{- /* NetworkPolicies speak the words of platform.spec.network: peers are {namespace} or {cidr}, destinations have ports. */ -}}

{{- define "directory.network.peer" -}}
{{- if .cidr -}}
ipBlock: {cidr: {{ .cidr | quote }}}
{{- else -}}
namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .namespace | quote }}}}
{{- end }}
{{- end }}

{{- /* Pods of this release: (labels that select them) */ -}}
{{- define "directory.network.pods" -}}
podSelector:
  matchLabels:
    {{- . | nindent 4 }}
{{- end }}

{{- /* Egress rules to destinations; TCP. */ -}}
{{- define "directory.network.destinations" -}}
{{- range . }}
- to:
    - {{ include "directory.network.peer" . | nindent 6 | trim }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- /* Egress rules to the cluster's DNS. */ -}}
{{- define "directory.network.dns" -}}
{{- range (.Values.platform.spec.network | default dict).dns | default (list (dict "namespace" "kube-system" "ports" (list 53))) }}
- to:
    - {{ include "directory.network.peer" . | nindent 6 | trim }}
  ports:
    {{- range .ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- /* Egress rules to the backends: where the platform says they are, else their ports at any address. */ -}}
{{- define "directory.network.backends" -}}
{{- $spec := .Values.platform.spec -}}
{{- with ($spec.network | default dict).backends }}
{{- include "directory.network.destinations" . }}
{{- else }}
- ports:
    {{- range include "directory.network.backendPorts" $spec | fromJsonArray }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- /* The ports that a platform's spec names, as JSON. */ -}}
{{- define "directory.network.backendPorts" -}}
{{- $ports := list (.postgres.port | default 5432) (.redis.port | default 6379) -}}
{{- with .postgres.pooler }}{{ $ports = append $ports (.port | default 5432) }}{{ end -}}
{{- with .redis.sentinel }}{{ range .hosts }}{{ $ports = append $ports (.port | default 26379) }}{{ end }}{{ end -}}
{{- $endpoint := urlParse .objectStorage.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $endpoint.host | trimPrefix ":" -}}
{{- $ports = append $ports ($port | default (eq $endpoint.scheme "https" | ternary "443" "80")) -}}
{{- $numbers := list }}{{ range $ports }}{{ $numbers = append $numbers (int .) }}{{ end -}}
{{- $numbers | uniq | sortAlpha | toJson -}}
{{- end }}

{{- /* Egress rules to the Kubernetes API: policies see its servers' addresses and ports, not its Service's. */ -}}
{{- define "directory.network.kubernetesApi" -}}
{{- with .Values.networkPolicy.kubernetesApi }}
{{- include "directory.network.destinations" . }}
{{- else }}
- ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- end }}
{{- end }}
