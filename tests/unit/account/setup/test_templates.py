"""Templates are what Terraform reads, for every combination of options."""

import json
from typing import Any, Final

import jsonschema
import pytest

from app.domain.account.setup import cloudformation, terraform
from app.domain.account.setup.blueprint import Deployment
from tests.support.aws.setup.deployments import every_way

TERRAFORM_JSON: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["terraform", "data", "resource", "output"],
    "properties": {
        "terraform": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "required_providers": {
                    "additionalProperties": {
                        "required": ["source", "version"],
                        "additionalProperties": False,
                        "properties": {"source": {"type": "string"}, "version": {"type": "string"}},
                    }
                }
            },
        },
        "data": {"$ref": "#/$defs/labelled"},
        "resource": {"$ref": "#/$defs/labelled"},
        "output": {
            "propertyNames": {"pattern": "^[a-z_][a-z0-9_]*$"},
            "additionalProperties": {
                "required": ["value"],
                "additionalProperties": False,
                "properties": {"value": {"type": "string"}},
            },
        },
    },
    "$defs": {
        "labelled": {
            "propertyNames": {"pattern": "^aws_[a-z0-9_]+$"},
            "additionalProperties": {
                "propertyNames": {"pattern": "^[a-z_][a-z0-9_]*$"},
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "depends_on": {"items": {"pattern": r"^aws_[a-z0-9_]+\.[a-z_][a-z0-9_]*$"}, "minItems": 1}
                    },
                },
            },
        }
    },
}
"""The JSON syntax of Terraform, as far as it is used here: block types, then labels, then the body of the block.
https://developer.hashicorp.com/terraform/language/syntax/json"""


@pytest.mark.parametrize(
    "wanted", every_way(terraform.HERE), ids=lambda one: f"{bool(one.url)} {one.sqs} {one.archive} {len(one.domains)}"
)
def test_terraform_reads_the_configuration(wanted: Deployment) -> None:
    """It follows the JSON syntax, and each dependency names a block that is there."""
    configuration = json.loads(json.dumps(terraform.terraform(wanted)))
    jsonschema.validate(configuration, TERRAFORM_JSON)
    resources = configuration["resource"]
    addresses = {f"{kind}.{name}" for kind, named in resources.items() for name in named}
    depended = {
        address for named in resources.values() for body in named.values() for address in body.get("depends_on", [])
    }
    assert depended <= addresses


def test_a_list_of_the_account_is_in_no_template() -> None:
    """Neither format can set what the account's suppression list acts on, so asking for it is an error."""
    for module, write in ((cloudformation, cloudformation.cloudformation), (terraform, terraform.terraform)):
        wanted = Deployment(name="postern", place=module.HERE, sqs=True, suppressed_reasons=("COMPLAINT",))
        with pytest.raises(ValueError, match="suppression list"):
            write(wanted)
