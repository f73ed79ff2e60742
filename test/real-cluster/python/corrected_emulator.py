"""
Starts the emulator with its judgement of policies corrected where AWS documents another one: without these, functions that
may do what they do on AWS are denied, and a trust with a variable lets nobody in. Pinned to the version in emulator.txt, whose
functions are wrapped here; each correction says which rule of AWS it restores.
"""

import re

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

# A call with several messages is allowed by the action of the single one.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
extract_iam_action = iam_actions.extract_iam_action


def action_of(*arguments, **keywords):
    action = extract_iam_action(*arguments, **keywords)
    return BATCHES.get(action, action)


iam_actions.extract_iam_action = action_of

# The ARN of a role, user or policy holds its path, and before it exists the path of the request.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
extract_resource_arn = iam_actions.extract_resource_arn


def _target(params):
    """The role or user that a call of IAM is about: ("role", its name, what is stored of it)."""
    from ministack.services import iam as iam_service

    for kind, parameter, stored in (("role", "RoleName", iam_service._roles), ("user", "UserName", iam_service._users)):
        name = iam_actions._query_param(params, parameter)
        if name:
            return kind, name, stored.get(name) or {}
    return None, None, {}


def _made(account_id, kind, name, params):
    return f"arn:aws:iam::{account_id}:{kind}{iam_actions._query_param(params, 'Path') or '/'}{name}"


def resource_of(service, method, path, headers, body, params, region, account_id, *more, **keywords):
    if service == "iam":
        kind, name, stored = _target(params)
        if kind is not None:
            return stored.get("Arn") or _made(account_id, kind, name, params)
        policy = iam_actions._query_param(params, "PolicyName")
        if policy:
            return _made(account_id, "policy", policy, params)
    return extract_resource_arn(service, method, path, headers, body, params, region, account_id, *more, **keywords)


iam_actions.extract_resource_arn = resource_of

# iam:PermissionsBoundary is the boundary that a call sets, else the one that its role or user has; iam:PolicyARN is the managed
# policy that a call attaches or detaches.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
request_tag_context = iam_actions.request_tag_context


def context_of(service, iam_action, body, params):
    context = dict(request_tag_context(service, iam_action, body, params))
    if service == "iam":
        boundary = iam_actions._query_param(params, "PermissionsBoundary")
        if not boundary:
            stored = _target(params)[2].get("PermissionsBoundary") or ""
            boundary = stored.get("PermissionsBoundaryArn", "") if isinstance(stored, dict) else stored
        if boundary:
            context["iam:PermissionsBoundary"] = boundary
        attached = iam_actions._query_param(params, "PolicyArn")
        if attached:
            context["iam:PolicyARN"] = attached
    return context


iam_actions.request_tag_context = context_of

# ${aws:username} in a condition stands for what the request says.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
conditions_met = iam_evaluator._conditions_met


def with_variables(conditions, context):
    def resolved(value):
        if isinstance(value, list):
            return [resolved(each) for each in value]
        if not isinstance(value, str):
            return value

        # A variable that the request does not have matches nothing.
        def of(match):
            found = iam_evaluator._resolve_condition_key(match.group(1), context)
            return found if isinstance(found, str) else match.group(0)

        return re.sub(r"\$\{([\w:-]+)\}", of, value)

    return conditions_met(
        {
            operator: {key: resolved(value) for key, value in keys.items()} if isinstance(keys, dict) else keys
            for operator, keys in (conditions or {}).items()
        },
        context,
    )


iam_evaluator._conditions_met = with_variables

# CloudFormation knows the policy of an event bus, also where a condition leaves it out.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
def _bus_policy_create(_logical_id, props, _stack_name):
    from ministack.services import eventbridge

    bus, sid = props.get("EventBusName", "default"), props["StatementId"]
    policy = eventbridge._event_bus_policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
    others = [statement for statement in policy["Statement"] if statement.get("Sid") != sid]
    policy["Statement"] = [*others, {"Sid": sid, **props["Statement"]}]
    return f"{bus}|{sid}", {}


def _bus_policy_delete(physical_id, _props):
    from ministack.services import eventbridge

    bus, sid = physical_id.split("|", 1)
    eventbridge._remove_permission({"EventBusName": bus, "StatementId": sid})


provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
    "create": _bus_policy_create,
    "delete": _bus_policy_delete,
}

# Conditions know where they are evaluated.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
evaluate_conditions = engine._evaluate_conditions


def conditions_of(template, params):
    place = {"AWS::Region": get_region(), "AWS::AccountId": get_account_id()}
    return evaluate_conditions(template, {**params, **{name: {"Value": value} for name, value in place.items()}})


for module in (changesets, engine, handlers, stacks):
    module._evaluate_conditions = conditions_of

if __name__ == "__main__":
    from ministack.app import main

    main()
