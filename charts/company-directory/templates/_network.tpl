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
{{- if .Values.platform.spec.network }}
{{- range .Values.platform.spec.network.dns | default (list (dict "namespace" "kube-system" "ports" (list 53))) }}
- to:
    - {{ include "directory.network.peer" . | nindent 6 | trim }}
  ports:
    {{- range .ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- else }}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
{{- end }}

{{- /* Egress rules to the backends, where the platform says they are, else their ports at any address: (context, PostgreSQL as the platform has it for those who connect) */ -}}
{{- define "directory.network.backends" -}}
{{- $spec := (index . 0).Values.platform.spec -}}
{{- with ($spec.network | default dict).backends }}
{{- include "directory.network.destinations" . }}
{{- else }}
- ports:
    {{- range include "directory.network.backendPorts" (list $spec (index . 1)) | fromJsonArray }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- /* The ports that a platform's spec names, as JSON. */ -}}
{{- define "directory.network.backendPorts" -}}
{{- $postgres := index . 1 -}}
{{- with index . 0 -}}
{{- $ports := list ($postgres.port | default 5432) (.redis.port | default 6379) -}}
{{- with .redis.sentinel }}{{ range .hosts }}{{ $ports = append $ports (.port | default 26379) }}{{ end }}{{ end -}}
{{- $endpoint := urlParse .objectStorage.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $endpoint.host | trimPrefix ":" -}}
{{- $ports = append $ports ($port | default (eq $endpoint.scheme "https" | ternary "443" "80")) -}}
{{- $padded := list }}{{ range $ports }}{{ $padded = append $padded (printf "%05d" (int .)) }}{{ end -}}
{{- $sorted := list }}{{ range $padded | uniq | sortAlpha }}{{ $sorted = append $sorted (regexReplaceAll "^0+" . "" | int) }}{{ end -}}
{{- toJson $sorted -}}
{{- end -}}
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
