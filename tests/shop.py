"""The repository that the stories are about: a shop's configuration in three environments."""

APP = "image: shop:1.0\nreplicas: 1\nlog: info\n"
V2 = APP.replace("1.0", "1.1")
V3 = APP.replace("1.0", "1.2")
CONFIGURATION = """\
version: 1
environments:
  - name: development
    branch: development
  - name: staging
    branch: staging
    promote: automatic
    gates:
      checks: [ci/test]
  - name: production
    branch: main
    promote: manual
    gates:
      checks: [ci/test]
      sign_offs: [qa]
roles:
  qa: [quinn]
"""
